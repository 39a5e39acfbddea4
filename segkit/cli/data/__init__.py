"""`segkit data`: fetch, check and describe datasets, and look after the cache."""

from __future__ import annotations

import click

from segkit.cli.groups import Group

COMMANDS = ("cache", "download", "info", "show", "verify")


@click.group(cls=Group, modules={name: f"segkit.cli.data.{name}:{name}" for name in COMMANDS})
def data() -> None:
    """Download, check and describe datasets, and look after the cache."""
