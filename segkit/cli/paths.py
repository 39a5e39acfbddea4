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


class FromHome(click.ParamType):  # type: ignore[type-arg]  # as above
    """A path type of click's own, as a plugin's subcommand has it, with a leading ~ expanded all the same."""

    def __init__(self, inner: click.Path) -> None:
        self.inner = inner
        self.name = inner.name

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Return what the plugin's own type makes of the path."""
        text = PATH.convert(value, param, ctx) if isinstance(value, str) else value
        return self.inner.convert(text, param, ctx)  # type: ignore[arg-type]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete file names, as the plugin's own type does."""
        return self.inner.shell_complete(ctx, param, incomplete)


def expand_homes(command: click.Command) -> None:
    """Let every path that a command takes begin with ~, and those of the commands below it."""
    for param in command.params:
        if isinstance(param.type, click.Path):
            param.type = FromHome(param.type)
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        expand_homes(inner)


PATH = PathText()
