"""`segkit data`: fetch, check and describe datasets, and look after the cache."""

from __future__ import annotations

import click

from segkit.cli.data.cache import cache
from segkit.cli.data.download import download
from segkit.cli.data.info import info
from segkit.cli.data.verify import verify
from segkit.cli.groups import Group


@click.group("data", cls=Group)
def data() -> None:
    """Download, check and describe datasets, and look after the cache."""


for command in (cache, download, info, verify):
    data.add_command(command)
