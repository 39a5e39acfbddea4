"""`segkit info settings`: the core's own settings, as people and programs read them."""

from __future__ import annotations

from typing import Any

from segkit import params
from segkit.cli import output
from segkit.errors import UsageError, did_you_mean
from segkit.settings import SECTIONS

WORD = "settings"
HEADS = ("setting", "type", "default", "limits", "what it is")


def rows(section: str | None = None) -> list[tuple[str, ...]]:
    """Return one row per setting, of all sections or of one; raises UsageError where there is none of that name."""
    if section is not None and section not in SECTIONS:
        raise UsageError(
            f"settings have no section {section!r}{did_you_mean(section, SECTIONS)}",
            f"sections: {', '.join(SECTIONS)}; params of components: segkit info NAME",
        )
    return [
        (f"{name}.{info.name}", info.type, params.show(info.default), info.limits, info.help)
        for name, kind in SECTIONS.items()
        if section in (None, name)
        for info in params.describe(kind).values()
    ]


def show(section: str | None, *, as_json: bool) -> None:
    """Print them: on a terminal with what each section is about, and how one is set."""
    found = rows(section)
    if as_json:
        output.print_json([as_object(dotted) for dotted, *_ in found])
        return
    if not output.for_people():
        output.print_table(HEADS, found)
        return
    for name, kind in SECTIONS.items():
        if section in (None, name):
            output.print_title(name)
            output.say((kind.__doc__ or "").strip().splitlines()[0], "")
            output.print_table(HEADS, [row for row in found if row[0].startswith(f"{name}.")], spare=("limits",))
            output.say()
    output.say("set with: --set train.epochs=40, in a config file [train] epochs = 40, or SEGKIT_TRAIN_EPOCHS=40")


def as_object(dotted: str) -> dict[str, Any]:
    """One setting of the JSON list."""
    section, _, name = dotted.partition(".")
    info = params.describe(SECTIONS[section])[name]
    default = list(info.default) if isinstance(info.default, tuple) else info.default
    limits = {"min": info.min, "max": info.max}
    return {"setting": dotted, "type": info.type, "default": default, **limits, "help": info.help}
