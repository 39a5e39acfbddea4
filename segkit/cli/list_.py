"""`segkit list`."""

from __future__ import annotations

import click


@click.command("list")
def list_components() -> None:
    """List the components of all installed plugins."""
    from segkit.discovery import Registry

    for item in Registry.discover().components():
        component = item.component
        click.echo("\t".join((component.kind, component.name, component.summary, item.plugin.name, item.plugin.version)))
