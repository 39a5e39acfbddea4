"""Subcommands of plugins: looked for when no command of segkit's own has the name, imported when one is run."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import click

from segkit.cli.paths import expand_homes
from segkit.cli.registry import load_registry
from segkit.errors import SegkitError, UsageError

if TYPE_CHECKING:
    from segkit.discovery import Registry


@functools.cache
def registry() -> Registry:
    """The installed plugins; looked for once, as a command line is one command."""
    return load_registry()


def load_stranger(name: str) -> click.Command | None:
    """Import a plugin's subcommand; None where there is none of that name.

    Raises:
        UsageError: several plugins provide it.
        SegkitError: its code does not import, or is no click command; the plugin is named.
    """
    from segkit.declarations import resolve

    owners = registry().commands().get(name, [])
    if not owners:
        return None
    if len(owners) > 1:
        names = " and ".join(plugin.name for plugin in owners)
        raise UsageError(f"command {name!r} is provided by {names}", "leave one out: SEGKIT_DISABLE_PLUGINS=NAME")
    (plugin,) = owners
    command = resolve(plugin.commands[name], f"plugin {plugin.name}, command {name}")
    if not isinstance(command, click.Command):
        raise SegkitError(
            f"plugin {plugin.name}, command {name}: {plugin.commands[name]!r} is no click command",
            f"report it to the author of {plugin.name}",
        )
    expand_homes(command)
    return command
