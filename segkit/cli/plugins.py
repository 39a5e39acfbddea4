"""`segkit plugins`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from segkit.cli import output
from segkit.cli.registry import load_registry
from segkit.declarations.hookspecs import API_VERSION
from segkit.version import __version__

if TYPE_CHECKING:
    from segkit.declarations.installed import Plugin

COLUMNS = ("plugin", "version", "entry point", "load", "status", "provides")


@click.command("plugins")
@output.json_option
def plugins(as_json: bool) -> None:
    """Show every installed plugin: whether it loaded, how long that took, and what to do if it did not."""
    registry = load_registry()
    if as_json:
        described = [as_object(plugin) for plugin in registry.plugins]
        output.print_json({"api_version": API_VERSION, "core_version": __version__, "plugins": described})
    else:
        output.say(f"# segkit-core {__version__}, plugin API {API_VERSION}")
        if output.for_people():
            print_report(registry.plugins)
        else:
            for plugin in registry.plugins:
                output.print_line(*as_row(plugin), plugin.reason, plugin.hint, "; ".join(plugin.notes))
    for name in registry.unknown_disabled:
        output.warn(f"SEGKIT_DISABLE_PLUGINS names {name!r}, which is not installed")


def as_row(plugin: Plugin) -> tuple[str, ...]:
    """What fits a table: distribution, version, entry point, load time, status and what it provides."""
    point = f"{plugin.entry_point.name} = {plugin.entry_point.value}"
    provides = ", ".join(
        [*(f"{component.kind} {component.name}" for component in plugin.components), *commands_of(plugin)]
    )
    return plugin.name, plugin.version, point, f"{plugin.seconds * 1000:.1f} ms", plugin.status, provides


def commands_of(plugin: Plugin) -> list[str]:
    """The subcommands it provides, as they are shown."""
    return [f"command {name}" for name in plugin.commands]


def as_object(plugin: Plugin) -> dict[str, object]:
    """One entry of the JSON list."""
    return {
        "distribution": plugin.name,
        "version": plugin.version,
        "entry_point": plugin.entry_point.name,
        "module": plugin.entry_point.value,
        "load_seconds": round(plugin.seconds, 6),
        "status": plugin.status,
        "components": [f"{component.kind} {component.name}" for component in plugin.components],
        "commands": dict(plugin.commands),
        "reason": plugin.reason,
        "hint": plugin.hint,
        "notes": list(plugin.notes),
    }


def provided(plugin: Plugin) -> str:
    """What a plugin provides, for people: each kind once."""
    kinds: dict[str, list[str]] = {}
    for component in plugin.components:
        kinds.setdefault(component.kind, []).append(component.name)
    if plugin.commands:
        kinds["command"] = list(plugin.commands)
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items())


def print_report(found: list[Plugin]) -> None:
    """Print the table for people, and under it in full what is to be said of single plugins."""
    rows = [(*as_row(plugin)[:-1], provided(plugin)) for plugin in found]
    output.print_table(COLUMNS, rows, spare=("entry point", "load", "version"), styles={"ok": "green"})
    for plugin in found:
        remarks = [("reason", plugin.reason), ("hint", plugin.hint), *(("note", note) for note in plugin.notes)]
        told = [f"  {label}: {text}" for label, text in remarks if text]
        if told:
            output.say("", f"{plugin.name} {plugin.version}", *told)
