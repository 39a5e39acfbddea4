"""The installed plugins, as a command sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from segkit.cli import output

if TYPE_CHECKING:
    from segkit.discovery import Registry


def load_registry() -> Registry:
    """Load the installed plugins; none where the command was given --no-plugins."""
    from segkit.discovery import Registry

    context = click.get_current_context(silent=True)
    without = context is not None and context.find_root().params.get("no_plugins", False)
    return Registry.discover(enabled=not without)


def warn_of_failures(registry: Registry) -> None:
    """Print one line on stderr for each plugin that did not load."""
    for plugin in registry.failed:
        output.warn(f"plugin {plugin.name} {plugin.version} did not load: {plugin.reason} (see: segkit plugins)")
