"""Option and argument types that complete component names in the shell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from segkit.declarations.parts import EVERY_KIND, own_parts
from segkit.errors import did_you_mean

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

KINDS_BY_WORD = {
    **{kind: kind for kind in EVERY_KIND},
    **{f"{kind}{'es' if kind.endswith('s') else 's'}": kind for kind in EVERY_KIND},
    **dict.fromkeys(("architecture", "architectures", "network", "networks"), "arch"),
    **dict.fromkeys(("dataset", "datasets"), "data"),
    **dict.fromkeys(("normalisation", "normalisations"), "normalization"),
}
"""What people call the kinds of component: plurals, and the words of the field."""
LAST_TERM = re.compile(r"(?:.*[\s+*])?")


class KindName(click.Choice):  # type: ignore[type-arg]  # click 8.1 cannot be subscripted
    """One of the kinds of component; a near miss is answered with the kind that was meant.

    Args:
        words: what may be said besides.
    """

    def __init__(self, words: tuple[str, ...] = ()) -> None:
        super().__init__([*EVERY_KIND, *words])

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the kind; raises click's usage error where it is none."""
        value = KINDS_BY_WORD.get(value.lower(), value)
        if value not in self.choices:
            meant = did_you_mean(value, self.choices)
            self.fail(f"{value!r} is none of {', '.join(self.choices)}{meant}", param, ctx)
        return value


class ComponentName(click.ParamType):  # type: ignore[type-arg]
    """The name of a component, completed in the shell but checked only when it is used.

    Args:
        kind: "arch", "data", "loss", "metric" or "explainer"; None for a name of any kind.
        words: what may be said in a name's place, such as "none".
        terms: the value is a sum such as "dice + 0.5*focal", of which the last term is completed.
    """

    name = "name"

    def __init__(self, kind: str | None = None, *, words: tuple[str, ...] = (), terms: bool = False) -> None:
        self.kind = kind
        self.words = words
        self.terms = terms

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the installed names, and with a colon typed the full ones, that begin like `incomplete`."""
        from click.shell_completion import CompletionItem

        from segkit.discovery import Registry

        found = LAST_TERM.match(incomplete) if self.terms else None
        before = found.group() if found else ""
        typed = incomplete.removeprefix(before)
        offered = dict.fromkeys(self.words, "")
        for item in Registry.discover().components(self.kind):
            names = (item.full_name,) if ":" in typed else (item.component.name, *item.component.aliases)
            offered |= {name: item.component.summary for name in names if name not in offered}
        if self.kind is None:
            offered |= {one.name: one.summary for one in own_parts() if one.name not in offered}
        return [CompletionItem(before + name, help=text) for name, text in offered.items() if name.startswith(typed)]
