"""The type of every option and argument that is a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class PathText(click.ParamType):  # type: ignore[type-arg]  # click 8.1 cannot be subscripted
    """A path as text, with a leading ~ or ~user expanded.

    A shell expands `--output ~/runs` and leaves `--output=~/runs` and what a notebook passes alone: a folder named ~
    would be made here.
    """

    name = "path"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the path; raises SegkitError where that home folder is not known."""
        if not value.startswith("~"):
            return value
        from segkit.files import expanded

        return str(expanded(value, param.opts[0] if param is not None and param.param_type_name == "option" else value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete file names."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


PATH = PathText()
