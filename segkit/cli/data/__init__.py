"""`segkit data`: fetch, check and describe datasets, and look after the cache."""

from __future__ import annotations

import click

from segkit.cli.groups import Group


@click.group(cls=Group)
def data() -> None:
    """Download, check and describe datasets, and look after the cache."""


def load_commands() -> None:
    """Attach the subcommands; imported here, so that their names do not hide their modules."""
    from segkit.cli.data.cache import cache
    from segkit.cli.data.download import download
    from segkit.cli.data.info import info
    from segkit.cli.data.verify import verify

    for command in (cache, download, info, verify):
        data.add_command(command)


load_commands()
