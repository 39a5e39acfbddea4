"""`segkit info`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.list_ import own_object
from segkit.cli.paths import PATH
from segkit.cli.registry import load_registry
from segkit.cli.setting_text import set_option
from segkit.cli.weights import availability, availability_text
from segkit.declarations.installed import CORE
from segkit.declarations.parts import OwnPart, own_parts
from segkit.discovery import matches
from segkit.errors import UsageError
from segkit.version import __version__

if TYPE_CHECKING:
    from segkit.discovery import Found
    from segkit.params import ParamInfo

SHOWN_APART = ("name", "summary", "params", "defaults", "pretrained")


@click.command("info")
@click.argument("name", type=ComponentName(words=("settings",)))
@click.argument("section", required=False)
@click.option(
    "--data", type=ComponentName("data"), help="Of an architecture: also count what it costs on this dataset."
)
@click.option("--data-root", type=PATH, metavar="DIR", help="Folder of the data.")
@set_option("Count with other settings.")
@output.json_option
def info(
    name: str,
    section: str | None,
    data: str | None,
    data_root: str | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Describe the component NAME and its params, or the core's own settings.

    NAME is as `segkit list` shows it, or in full: DISTRIBUTION:NAME. All kinds that know the name are described.

    \b
    segkit info unet
    segkit info unet --data isic --set arch.width=64
    segkit info settings
    segkit info settings train
    """
    if name == "settings":
        from segkit.cli import shown_settings

        shown_settings.show(section, as_json=as_json)
        return
    if section is not None:
        raise UsageError(
            f"{section!r} was given after {name!r}", "only settings have sections: segkit info settings train"
        )
    registry = load_registry()
    own = own_parts(name.removeprefix(f"{CORE}:"))
    known = not own or any(matches(item, name) for item in registry.components())
    found = registry.find_any(name) if known else []
    costs: list[dict[str, Any]] = [{} for _ in found]
    if data is not None:
        from segkit.cli.cost import measure

        costs = [measure(item, registry, data, data_root, assignments) for item in found]
    elif assignments or data_root:
        raise UsageError("--set and --data-root go with --data", "name a dataset, as in --data NAME")
    if as_json:
        listed = [as_object(item) | weights_of(item) for item in found]
        objects = [one | ({"cost": cost} if cost else {}) for one, cost in zip(listed, costs, strict=True)]
        output.print_json([*objects, *(own_object(one) | {"setting": one.setting, "params": []} for one in own)])
        return
    for number, (item, cost) in enumerate(zip(found, costs, strict=True)):
        if number:
            output.say()
        describe(item)
        if cost:
            show_cost(cost)
    for number, one in enumerate(own, len(found)):
        if number:
            output.say()
        describe_own(one)


def show_cost(cost: dict[str, Any]) -> None:
    """Print what an architecture costs."""
    from segkit.cli.cost import rows

    if not output.for_people():
        for name, value in rows(cost):
            output.print_line("cost", name, value)
        return
    output.say()
    output.print_table(("cost", ""), rows(cost))


def describe_own(one: OwnPart) -> None:
    """Print a part that the core carries out itself: what it is, and what names it."""
    section = one.setting.partition(".")[0]
    facts = [("full name", f"{CORE}:{one.name}"), ("version", __version__)]
    if one.setting:
        facts += [("named by", f"--set {one.setting}={one.name}"), ("its settings", f"segkit info settings {section}")]
    if not output.for_people():
        output.print_line(one.kind, one.name, one.summary)
        for line in facts:
            output.print_line(*line)
        return
    output.print_title(f"{one.kind} {one.name}")
    output.say(one.summary, "")
    output.print_table(("", ""), facts)


def describe(item: Found) -> None:
    """Print one component: what it is, facts by kind, params, and the settings it asks for."""
    component = item.component
    facts = [("full name", item.full_name), ("version", item.plugin.version), *named_facts(item)]
    facts += [(name, availability_text(found, component.name)) for name, found in weights_of(item).items()]
    rows = [row_of_param(dotted, param) for dotted, param in dotted_params(item).items()]
    wished = getattr(component, "defaults", {})
    wishes = [
        (f"default in {dims}D", dotted, show(value))
        for dims, settings in wished.items()
        for dotted, value in settings.items()
    ]
    recipe = recipe_rows(item)
    if not output.for_people():
        output.print_line(component.kind, component.name, component.summary)
        for line in (*facts, *(("param", *row) for row in rows), *wishes, *(("recipe", *row) for row in recipe)):
            output.print_line(*line)
        return
    output.print_title(f"{component.kind} {component.name}")
    output.say(component.summary, "")
    output.print_table(("", ""), facts)
    if rows:
        output.say()
        taken = [
            (dotted, taken_by_runs(dotted, own, wished), f"{text} [{', '.join(filter(None, (kind, limits)))}]")
            for dotted, kind, own, limits, text in rows
        ]
        output.print_table(("param", "a run takes", "help"), taken)
        output.say("", f"set with: --set {rows[0][0]}={rows[0][2]}")
    others = [wish for wish in wishes if wish[1] not in {row[0] for row in rows}]
    if others:
        output.say()
        output.print_table(("preset", "setting", "value"), others)
    if recipe:
        output.say()
        output.print_table(("recipe: a run on it takes", "value", "in mode"), recipe)


def weights_of(item: Found) -> dict[str, Any]:
    """Of an architecture that declares published weights: whether those that it starts with are at hand."""
    if not getattr(item.component, "pretrained", ""):
        return {}
    found = availability(item)
    return {"weights": found} if found else {}


def taken_by_runs(dotted: str, own: str, wished: Mapping[int, Mapping[str, Any]]) -> str:
    """Say what a run takes where nobody sets a param: the architecture's presets, then the component's own."""
    found = {dims: show(settings[dotted]) for dims, settings in wished.items() if dotted in settings}
    if len(found) > 1 and len(set(found.values())) == 1:
        return f"{next(iter(found.values()))}; by itself {own}"
    presets = [f"{value} in {dims}D" for dims, value in found.items()]
    return f"{', '.join(presets)}; by itself {own}" if presets else own


def recipe_rows(item: Found) -> list[tuple[str, str, str]]:
    """What a dataset's recipe says: setting, value, and the mode that it is for; empty of other kinds of component."""
    from segkit.declarations import resolve
    from segkit.errors import SegkitError

    if item.component.kind != "data":
        return []
    try:
        recipe = getattr(resolve(item.component.factory, f"dataset {item.full_name}"), "recipe", None)
    except SegkitError as error:
        output.warn(f"its recipe cannot be shown: {error}")
        return []
    if not isinstance(recipe, Mapping):
        return [("of the data", "depends on what is found there: segkit run --dry-run", "")]
    rows: list[tuple[str, str, str]] = []
    for name, value in recipe.items():
        parts = value.items() if isinstance(value, Mapping) else [(name, value)]
        rows += [(dotted, show(part), name if isinstance(value, Mapping) else "") for dotted, part in parts]
    return rows


def named_facts(item: Found) -> list[tuple[str, str]]:
    """The declaration's other fields by name, without the empty ones."""
    component = item.component
    # Of networks few are told the size: that one is not, nobody asks.
    unsaid = () if getattr(component, "sized", False) else ("sized",)
    names = [field.name for field in dataclasses.fields(component) if field.name not in (*SHOWN_APART, *unsaid)]
    values = {name: getattr(component, name) for name in names}
    facts = [
        (name.replace("_", " "), show(value)) for name, value in values.items() if value not in ("", (), {}, False)
    ]
    # What it is comes before where its code is.
    return sorted(facts, key=lambda fact: fact[0] in ("factory", "measure"))


def dotted_params(item: Found) -> dict[str, ParamInfo]:
    """The component's params by the name that `--set` takes."""
    from segkit.config import ChosenParams
    from segkit.params import describe

    component = item.component
    prefix = ChosenParams(component.kind, component.name, component.params).prefix
    return {prefix + name: param for name, param in describe(component.params).items()}


def row_of_param(dotted: str, param: ParamInfo) -> tuple[str, ...]:
    """One param as text: name, type, default, limits, help."""
    return dotted, param.type, show(param.default), param.limits, param.help


def show(value: Any) -> str:
    """Write a field's value for people."""
    from segkit import params

    if isinstance(value, Mapping):
        return "; ".join(f"{key} = {show(part)}" for key, part in value.items())
    if isinstance(value, (tuple, list)) and any(isinstance(part, Mapping) for part in value):
        return " | ".join(map(show, value))
    return params.show(value)


def as_object(item: Found) -> dict[str, Any]:
    """One entry of the JSON list: every field of the declaration, and each param."""
    component = item.component
    described = {"kind": component.kind, "full_name": item.full_name, "distribution": item.plugin.name}
    described["version"] = item.plugin.version
    fields = {
        field.name: jsonable(getattr(component, field.name))
        for field in dataclasses.fields(component)
        if field.name != "params"
    }
    listed = [
        {
            "name": param.name,
            "set": dotted,
            "type": param.type,
            "default": jsonable(param.default),
            "min": param.min,
            "max": param.max,
            "help": param.help,
        }
        for dotted, param in dotted_params(item).items()
    ]
    return {**described, **fields, "params": listed}


def jsonable(value: Any) -> Any:
    """Return what JSON can hold: lists for tuples, text for paths, None for a limit that is infinite."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [jsonable(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
