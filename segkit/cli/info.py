"""`segkit info`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.registry import load_registry

if TYPE_CHECKING:
    from segkit.discovery import Found
    from segkit.params import ParamInfo

SHOWN_APART = ("name", "summary", "params", "defaults")


@click.command("info")
@click.argument("name", type=ComponentName())
@output.json_option
def info(name: str, as_json: bool) -> None:
    """Describe the component NAME and its params.

    NAME is as `segkit list` shows it, or in full: DISTRIBUTION:NAME. All kinds that know the name are described.
    """
    found = load_registry().find_any(name)
    if as_json:
        output.print_json([as_object(item) for item in found])
        return
    for number, item in enumerate(found):
        if number:
            click.echo()
        describe(item)


def describe(item: Found) -> None:
    """Print one component: what it is, facts by kind, params, and the settings it asks for."""
    component = item.component
    facts = [("full name", item.full_name), ("version", item.plugin.version), *named_facts(item)]
    rows = [row_of_param(dotted, param) for dotted, param in dotted_params(item).items()]
    wishes = [
        (f"default in {dims}D", dotted, show(value))
        for dims, settings in getattr(component, "defaults", {}).items()
        for dotted, value in settings.items()
    ]
    if not output.for_people():
        output.print_line(component.kind, component.name, component.summary)
        for line in (*facts, *(("param", *row) for row in rows), *wishes):
            output.print_line(*line)
        return
    output.console().print(f"{component.kind} {component.name}", style="bold cyan")
    click.echo(f"{component.summary}\n")
    output.print_table(("", ""), facts)
    if rows:
        click.echo()
        output.print_table(("param", "type", "default", "limits", "help"), rows)
        click.echo(f"\nset with: --set {rows[0][0]}={rows[0][2]}")
    if wishes:
        click.echo()
        output.print_table(("preset", "setting", "value"), wishes)


def named_facts(item: Found) -> list[tuple[str, str]]:
    """The declaration's other fields by name, without the empty ones."""
    component = item.component
    names = [field.name for field in dataclasses.fields(component) if field.name not in SHOWN_APART]
    values = {name: getattr(component, name) for name in names}
    facts = [(name.replace("_", " "), show(value)) for name, value in values.items() if value not in ("", (), {})]
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
        return ", ".join(f"{key} = {show(part)}" for key, part in value.items())
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
