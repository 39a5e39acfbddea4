"""`segkit report`: a finished run's page, rendered again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from segkit.cli import output
from segkit.cli.output import json_option
from segkit.cli.paths import PATH
from segkit.errors import SegkitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segkit.discovery import Registry
    from segkit.report.gallery import LargePicture
    from segkit.report.pictures import CasePicture


@click.command()
@click.argument("runs", type=PATH, metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--data-root", type=PATH, metavar="DIR", help="Folder of the data, where it is not the one in the run's config."
)
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

    registry = load_registry()
    pages, failed = [], False
    for run in dict.fromkeys(runs):
        try:
            page, pictures = render(Path(run), registry, data_root, anonymous=anonymous)
        except SegkitError as error:
            if len(runs) == 1:
                raise
            # One broken run must not keep the others from being shown.
            output.complain(str(error))
            failed = True
            continue
        pages.append({"run": run, "page": str(page), "pictures": pictures})
        if not as_json:
            output.say(f"report: {page}")
    if as_json:
        output.print_json(pages)
    if failed:
        raise SystemExit(1)


def render(folder: Path, registry: Registry, data_root: str | None, *, anonymous: bool) -> tuple[Path, int]:
    """Write the page of one run or comparison; returns it and how many cases it shows."""
    from segkit.jobs.compare.compose import compare_again
    from segkit.jobs.compare.runs import RESULT
    from segkit.jobs.report import pictures_again
    from segkit.jobs.sections import plugin_sections
    from segkit.report.writer import write_report
    from segkit.rundir.lock import locked_run

    def tell(text: str) -> None:
        output.warn(f"{folder}: {text}")

    if (folder / RESULT).exists():
        result = compare_again(folder, registry, data_root=data_root, anonymous=anonymous, tell=tell)
        return result.report, result.shown
    pictures, reason = pictures_again(folder, registry, data_root)
    if reason:
        tell(f"no pictures: {reason}")
    # A plugin reads the run itself and knows nothing of the numbers that stand for ids.
    found = [] if anonymous else registry.components("section")
    with locked_run(folder):
        larger, reason_for_larger = larger_pictures(folder, registry, data_root, pictures)
        if reason_for_larger:
            tell(f"no larger pictures: {reason_for_larger}")
        sections = plugin_sections(found, folder, tell)
        page = write_report(
            folder, pictures, anonymous=anonymous, no_pictures=reason, sections=sections, gallery=larger
        )
        return page, len(pictures)


def larger_pictures(
    folder: Path, registry: Registry, data_root: str | None, pictures: Sequence[CasePicture]
) -> tuple[list[LargePicture], str]:
    """Draw every scored photograph as it can be looked into; beside them, why there are none."""
    from segkit.cli.data.chosen import reading_threads
    from segkit.cli.progress import make_progress
    from segkit.jobs.gallery import gallery_again

    progress = make_progress()

    def watch(done: int, total: int) -> None:
        if done == 1:
            progress.start("pictures", total, "cases")
        progress.advance()

    found = gallery_again(folder, registry, data_root, pictures, reading_threads(), watch)
    progress.close()
    return found
