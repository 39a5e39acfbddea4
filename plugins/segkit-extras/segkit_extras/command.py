"""`segkit sizes`."""

from __future__ import annotations

from pathlib import Path

import click

from segkit_extras.sizes import COLUMNS, rows_of


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def sizes(run: Path) -> None:
    """Say how much larger or smaller than the reference each class is predicted in a finished RUN."""
    click.echo("\t".join(COLUMNS))
    for row in rows_of(run):
        click.echo("\t".join(row))
