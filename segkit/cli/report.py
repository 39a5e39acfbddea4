"""`segkit report`: a finished run's page, rendered again."""

from __future__ import annotations

from pathlib import Path

import click

from segkit.cli import output
from segkit.cli.output import json_option
from segkit.errors import SegkitError


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--data-root", metavar="DIR", help="Folder of the data, where it is not the one in the run's config.")
@click.option("--anonymous", is_flag=True, help="Show numbers in the place of case ids and groups.")
@json_option
def report(runs: tuple[str, ...], data_root: str | None, anonymous: bool, as_json: bool) -> None:
    """Render the page of finished runs and comparisons again.

    Pictures are made from the data and the kept predictions; where either is gone the page says so.

    \b
    segkit report runs/unet-isic
    segkit report runs/* --anonymous
    """
    from segkit.cli.registry import load_registry
    from segkit.finished import pictures_again
    from segkit.report import write_report

    registry = load_registry()
    pages, failed = [], False
    for run in dict.fromkeys(runs):
        try:
            pictures, reason = pictures_again(
                Path(run), registry, data_root, tell=lambda text: click.echo(text, err=True)
            )
            if reason:
                output.warn(f"{run}: no pictures: {reason}")
            page = write_report(Path(run), pictures, anonymous=anonymous, no_pictures=reason)
        except SegkitError as error:
            if len(runs) == 1:
                raise
            # One broken run must not keep the others from being shown.
            output.complain(str(error))
            failed = True
            continue
        pages.append({"run": run, "page": str(page), "pictures": len(pictures)})
        if not as_json:
            click.echo(f"report: {page}")
    if as_json:
        output.print_json(pages)
    if failed:
        raise SystemExit(1)
