"""`segkit list`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from segkit.cli import output
from segkit.cli.completion import KindName
from segkit.cli.registry import load_registry, warn_of_failures

if TYPE_CHECKING:
    from segkit.discovery import Found

COLUMNS = ("kind", "name", "summary", "plugin", "version")
AT_ONCE = 30
"""So many components are read in one screen and a half."""


@click.command("list")
@click.argument("kind", required=False, type=KindName(), metavar="KIND")
@output.json_option
def list_components(kind: str | None, as_json: bool) -> None:
    """List the components of all installed plugins.

    KIND, where given, is arch, data, loss, metric, explainer or another that the list shows, in the plural too.
    """
    registry = load_registry()
    found = registry.components(kind)
    times = Counter((item.component.kind, item.component.name) for item in found)
    shared = {key for key, count in times.items() if count > 1}
    if as_json:
        output.print_json([as_object(item, shared) for item in found])
    else:
        show([as_row(item, shared) for item in found])
    warn_of_failures(registry)
    for shared_kind, name in sorted(shared):
        owners = [item.full_name for item in found if (item.component.kind, item.component.name) == (shared_kind, name)]
        output.warn(f"{shared_kind} {name!r} is provided by several plugins: say {' or '.join(owners)}")
    if not found:
        output.warn(f"no plugin provides {'a component' if kind is None else f'a component of kind {kind}'}")


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
