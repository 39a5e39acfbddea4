"""`segkit data show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.data.chosen import choose, dataset_options, reading_threads
from segkit.cli.data.looked import LookedThrough, looking_through
from segkit.cli.paths import PATH
from segkit.errors import UsageError

if TYPE_CHECKING:
    pass

CASES = 60
"""Cases that are shown where nothing else is said: a page of about 2 MB."""


@click.command(short_help="One page of what was understood, suspicious cases first.")
@dataset_options
@click.option("-o", "--output", "page", type=PATH, metavar="FILE.html", help="The page; else NAME-data.html here.")
@click.option(
    "--cases", type=click.IntRange(1, 5000), default=CASES, show_default=True, metavar="N", help="Most shown."
)
@output.json_option
def show(
    name: str, data_root: str | None, assignments: tuple[str, ...], page: str | None, cases: int, as_json: bool
) -> None:
    """Draw the data of NAME as segkit understands it: each case with its mask outlined, on one offline page.

    Cases that are unlike the others come first, with the reason: masks that mark nothing or everything, images that
    are there twice, above all in two splits, another size, spacing, brightness or share of foreground, many pieces, a
    mask that does not lie where the image differs, files that were turned or thresholded. A PNG of the first of them
    is written beside the page.

    \b
    segkit data show folder --data-root photos
    """
    from segkit.files import expanded

    target = expanded(page or f"{name}-data.html", "--output")
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--output {target} is no page", "give a name that ends in .html")
    with looking_through(choose(name, data_root, assignments)) as looked:
        told = draw_page(looked, target, cases)
    if as_json:
        output.print_json(told)
        return
    output.say(f"{told['cases']} cases, {told['suspicious']} to look at first, {told['unreadable']} cannot be read")
    output.say(f"page: {told['page']}")


def draw_page(looked: LookedThrough, target: Path, most: int) -> dict[str, Any]:
    """Write the page of data that were read; returns what is told of it."""
    from segkit.cli.data.info import CLASS_HEADS, SPLIT_HEADS, class_rows, split_rows
    from segkit.data.remarks import remarks_of
    from segkit.jobs.show import Understood, show_data

    found = looked.found
    understood = Understood(
        looked.name,
        looked.reader,
        looked.cases,
        found,
        looked.root.generated,
        looked.notes,
        [*remarks_of(looked.reader), *found.remarks],
        [SPLIT_HEADS, *split_rows(found)],
        [CLASS_HEADS, *class_rows(found)],
    )
    content, sheet = show_data(
        understood, target, most, reading_threads(), lambda done, total: looked.stages("drawing cases", done, total)
    )
    return {
        "page": str(target),
        "sheet": str(sheet),
        "cases": content.count,
        "suspicious": content.suspicious,
        "unreadable": len(content.problems),
        "shown": [{"split": case.split, "case": case.name, "reasons": list(case.reasons)} for case in content.cases],
    }
