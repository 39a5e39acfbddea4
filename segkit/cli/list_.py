"""`segkit list`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from segkit.cli import output
from segkit.cli.completion import KindName
from segkit.cli.registry import load_registry, warn_of_failures
from segkit.declarations.installed import CORE
from segkit.declarations.parts import EVERY_KIND, OwnPart, own_parts
from segkit.version import __version__

if TYPE_CHECKING:
    from segkit.discovery import Found

COLUMNS = ("kind", "name", "summary", "plugin", "version")
KIND_ORDER = {kind: place for place, kind in enumerate(EVERY_KIND)}
AT_ONCE = 30
"""So many components are read in one screen and a half."""


@click.command("list")
@click.argument("kind", required=False, type=KindName(), metavar="[KIND]")
@output.json_option
def list_components(kind: str | None, as_json: bool) -> None:
    """List the components of all installed plugins.

    KIND, where given, is arch, data, loss, metric, explainer or another that the list shows, in the plural too.
    """
    registry = load_registry()
    found = registry.components(kind)
    times = Counter((item.component.kind, item.component.name) for item in found)
    shared = {key for key, count in times.items() if count > 1}
    own = [one for one in own_parts() if kind in (None, one.kind)]
    if as_json:
        output.print_json(in_order([as_object(item, shared) for item in found] + [own_object(one) for one in own]))
    else:
        rows = [as_row(item, shared) for item in found] + [as_own_row(one) for one in own]
        show(sorted(rows, key=lambda row: (KIND_ORDER[row[0]], row[1], row[3])))
    warn_of_failures(registry)
    for shared_kind, name in sorted(shared):
        owners = [item.full_name for item in found if (item.component.kind, item.component.name) == (shared_kind, name)]
        output.warn(f"{shared_kind} {name!r} is provided by several plugins: say {' or '.join(owners)}")
    if not found and not (own and kind):
        output.warn(f"no plugin provides {'a component' if kind is None else f'a component of kind {kind}'}")


def in_order(objects: list[dict[str, object]]) -> list[dict[str, object]]:
    """Sort entries of the JSON list by kind, name and distribution."""
    return sorted(objects, key=lambda one: (KIND_ORDER[str(one["kind"])], str(one["name"]), str(one["distribution"])))


def as_own_row(one: OwnPart) -> tuple[str, ...]:
    """One line of the table for what the core carries out itself."""
    return one.kind, one.name, one.summary, CORE, __version__


def own_object(one: OwnPart) -> dict[str, object]:
    """One entry of the JSON list for what the core carries out itself."""
    return {
        "kind": one.kind,
        "name": one.name,
        "full_name": f"{CORE}:{one.name}",
        "aliases": [],
        "summary": one.summary,
        "distribution": CORE,
        "version": __version__,
        "shared_name": False,
    }


def show(rows: list[tuple[str, ...]]) -> None:
    """Print the table; on a terminal that it would run off, the names alone, kind by kind."""
    if not output.for_people() or len({row[0] for row in rows}) == 1 or len(rows) <= AT_ONCE:
        output.print_table(COLUMNS, rows, grouped=True, spare=("version", "plugin"))
        return
    names: dict[str, list[str]] = {}
    for kind, name, *_ in rows:
        names.setdefault(kind, []).append(name)
    output.print_table(("kind", "names"), [(kind, "  ".join(found)) for kind, found in names.items()])
    output.say("", f"with a summary of each: segkit list {rows[0][0]}; all about one: segkit info {rows[0][1]}")


def as_row(item: Found, shared: set[tuple[str, str]]) -> tuple[str, ...]:
    """One line of the table; a name that several plugins provide is written in full, as it has to be typed."""
    component = item.component
    name = item.full_name if (component.kind, component.name) in shared else component.name
    return component.kind, name, component.summary, item.plugin.name, item.plugin.version


def as_object(item: Found, shared: set[tuple[str, str]]) -> dict[str, object]:
    """One entry of the JSON list."""
    component = item.component
    return {
        "kind": component.kind,
        "name": component.name,
        "full_name": item.full_name,
        "aliases": list(component.aliases),
        "summary": component.summary,
        "distribution": item.plugin.name,
        "version": item.plugin.version,
        "shared_name": (component.kind, component.name) in shared,
    }
