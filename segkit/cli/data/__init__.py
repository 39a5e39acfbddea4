"""`segkit data`: fetch, check and describe datasets, and look after the cache."""

from __future__ import annotations

import importlib

import click

from segkit.cli.groups import Group

COMMANDS = ("cache", "download", "info", "verify")


class DataGroup(Group):
    """Imports a subcommand's module when it is asked for, so that other commands start without them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the subcommands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"segkit.cli.data.{cmd_name}"), cmd_name)
        return command


@click.group(cls=DataGroup)
def data() -> None:
    """Download, check and describe datasets, and look after the cache."""
