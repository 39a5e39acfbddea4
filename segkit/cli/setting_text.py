"""The type of `--set`: completes settings by name, and those of their values that can be listed."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from segkit.declarations.parts import EVERY_KIND

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from segkit.params import ParamInfo

OPTION_OF = {"metric": "metric", "explainer": "explain"}
"""The option that chooses components of a kind, where it is not called like the kind."""
SINGLE = ("arch", "data", "launcher", "searcher", "exporter")
"""Kinds of which a command takes one, so that its params are named without it: arch.depth."""
SECTIONS_OF_CORE = ("components", "run", "start", "data", "train", "augment", "evaluate", "explain")
"""Those of segkit.settings, which is imported only where one of them is meant."""
PARAM_KINDS = tuple(kind for kind in EVERY_KIND if kind not in ("exporter", "section"))
"""Sections that hold the params of components; those of an exporter stand alone, sections of a report have none."""
NAMES = {
    "components.arch": "arch",
    "components.data": "data",
    "components.loss": "loss",
    "components.metrics": "metric",
    "components.explainers": "explainer",
}
"""Fields that name components, by kind; those of parts say so themselves."""
Decorated = TypeVar("Decorated", bound=Callable[..., Any])
YES_OR_NO = ("true", "false")


class SettingText(click.ParamType):  # type: ignore[type-arg]  # click 8.1 cannot be subscripted
    """KIND.PARAM=VALUE as text; read by `segkit.config`, completed here.

    Args:
        sections: what is offered, where a command takes no other.
        bare: a kind whose params stand without a section before them.
    """

    name = "setting"

    def __init__(self, sections: tuple[str, ...] = (), bare: str = "") -> None:
        self.sections = sections
        self.bare = bare

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the settings that begin like `incomplete`, or after its = the values that begin so."""
        from click.shell_completion import CompletionItem

        owner, dotted, value = parted(incomplete)
        section = f"{self.bare}." if self.bare else ""
        if value is None and not section + dotted:
            return [CompletionItem(f"{owner}{name}.", help=told) for name, told in self.offered_sections().items()]
        found = self.settings(ctx, section + dotted)
        if value is None:
            named = {name.removeprefix(section): infos[0].help for name, infos in found.items()}
            return [CompletionItem(f"{owner}{name}=", help=named[name]) for name in named if name.startswith(dotted)]
        listed, comma, typed = value.rpartition(",")
        before = f"{owner}{dotted}={listed}{comma}"
        listable = (text for info in found.get(section + dotted, ()) for text in values_of(info.hint))
        offered = dict.fromkeys(component_names(section + dotted) or listable)
        return [CompletionItem(before + text) for text in offered if text.startswith(typed)]

    def offered_sections(self) -> dict[str, str]:
        """Return what a setting may begin with, and what that is about."""
        from segkit.settings import SECTIONS

        wanted = self.sections or (*SECTIONS, *PARAM_KINDS)
        core = {name: (kind.__doc__ or "").strip().splitlines()[0] for name, kind in SECTIONS.items()}
        return {name: core.get(name, f"Params of {name} components.") for name in dict.fromkeys(wanted)}

    def settings(self, ctx: click.Context, typed: str) -> dict[str, list[ParamInfo]]:
        """Return by dotted name the fields of the sections that begin like what is typed, several where they differ."""
        head, dot, _ = typed.partition(".")

        def begun(names: Iterable[str]) -> list[str]:
            asked = [name for name in names if not self.sections or name in self.sections]
            return [name for name in asked if (name == head if dot else name.startswith(head))]

        found: dict[str, list[ParamInfo]] = {}
        kinds = [self.bare] if self.bare else begun(PARAM_KINDS)
        # Neither settings nor plugins are imported where they cannot be meant: this runs at each press of Tab.
        if not self.sections and (head == "data" or not (dot and kinds)):
            for dotted, info in core_settings(begun(SECTIONS_OF_CORE)):
                found.setdefault(dotted, []).append(info)
        for dotted, info in component_params(ctx, kinds, typed):
            found.setdefault(dotted, []).append(info)
        return found


def parted(text: str) -> tuple[str, str, str | None]:
    """Return the NAME: before a setting, its dotted name, and what is typed of its value; None before the =."""
    dotted, equals, value = text.partition("=")
    owner, colon, dotted = dotted.rpartition(":")
    return owner + colon, dotted, value if equals else None


def core_settings(sections: Sequence[str]) -> Iterator[tuple[str, ParamInfo]]:
    """Yield the core's fields of some sections."""
    if sections:
        from segkit import params
        from segkit.settings import SECTIONS

        for section in sections:
            yield from ((f"{section}.{info.name}", info) for info in params.describe(SECTIONS[section]).values())


def component_params(ctx: click.Context, kinds: Sequence[str], typed: str) -> Iterator[tuple[str, ParamInfo]]:
    """Yield the params of components of these kinds: of the chosen ones; where none is, of all that are installed."""
    if not kinds:
        return
    from segkit import params
    from segkit.discovery import Registry, matches

    registry = Registry.discover()
    for kind in kinds:
        chosen = chosen_names(ctx.params, kind)
        for item in registry.components(kind):
            if chosen and not any(matches(item, name) for name in chosen):
                continue
            prefix = f"{kind}." if kind in SINGLE else f"{kind}.{item.component.name}."
            if not (prefix.startswith(typed) or typed.startswith(prefix)):
                continue
            for info in described(item, params):
                yield prefix + info.name, info


def described(item: Any, params: Any) -> list[ParamInfo]:
    """The params of a component; none where its plugin's module cannot be imported, which the command itself tells."""
    try:
        return list(params.describe(item.component.params).values())
    except Exception:  # completion says nothing on a terminal that somebody is typing on
        return []


def chosen_names(options: Mapping[str, Any], kind: str) -> list[str]:
    """Return the components of a kind that the line names so far."""
    from segkit.planning.terms import parse_sum

    said = options.get(OPTION_OF.get(kind, kind)) or options.get("name" if kind == "data" else kind) or ()
    texts = [said] if isinstance(said, str) else [text for text in said if isinstance(text, str)]
    if kind != "loss":
        return [text.rpartition("=")[2] for text in texts]
    from segkit.errors import UsageError

    try:
        return [term.name for text in texts for term in parse_sum(text)]
    except UsageError:  # half a sum is typed: all losses are offered
        return []


def values_of(hint: Any) -> Iterator[str]:
    """Yield the values of a type as they are typed, those of unions and tuples by their parts."""
    if typing.get_origin(hint) is typing.Literal:
        yield from (str(value) for value in typing.get_args(hint))
    elif hint is bool:
        yield from YES_OR_NO
    elif hint is type(None):
        yield "none"
    else:
        for part in typing.get_args(hint):
            yield from values_of(part)


def component_names(dotted: str) -> list[str]:
    """Return the components that a field can name; none of any other field."""
    from segkit.discovery import Registry

    fields = NAMES | {getattr(part, "setting", ""): kind for kind, part in EVERY_KIND.items()}
    if not dotted or dotted not in fields:
        return []
    kind = fields[dotted]
    own = getattr(EVERY_KIND[kind], "own", {})
    return [*own, *(item.component.name for item in Registry.discover().components(kind))]


SETTING = SettingText()


def set_option(
    help: str, *, metavar: str = "KIND.PARAM=VALUE", kind: SettingText = SETTING
) -> Callable[[Decorated], Decorated]:
    """The option --set of a command, given to it as `assignments`."""
    return click.option("--set", "assignments", type=kind, metavar=metavar, multiple=True, help=help)
