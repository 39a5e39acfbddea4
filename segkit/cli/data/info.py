"""`segkit data info`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.data.chosen import choose, dataset_options
from segkit.cli.data.looked import LookedThrough, looking_through
from segkit.files import bytes_text, real

if TYPE_CHECKING:
    from segkit.data.inventory import Inventory
    from segkit.data.overview import Overview, SplitFacts, Twins
    from segkit.data.roots import Root
    from segkit.planning.dataset import ChosenDataset

SHOWN = 5
"""Files with errors that are listed one by one."""
SPLIT_HEADS = ("split", "cases", "patients", "files", "smallest", "median", "largest", "spacing", "type")
CLASS_HEADS = ("split", "class", "in cases", "mean share", "largest share")


@click.command(short_help="Counts, sizes, class shares, duplicates and leaks.")
@dataset_options
@output.json_option
def info(name: str, data_root: str | None, assignments: tuple[str, ...], as_json: bool) -> None:
    """Describe the data of NAME: counts, sizes, class shares per split, and images that are there twice.

    Where the dataset's plugin says how it understood the files, that comes first.

    Images are compared exactly and by a perceptual hash that also finds resized and compressed copies. A copy in
    another split is a leak: a model would be scored on what it has learnt from. The last line is a page that shows
    the cases, as `segkit data show` draws it.
    """
    from segkit.data.inventory import inventory_of
    from segkit.data.remarks import remarks_of

    chosen = choose(name, data_root, assignments)
    with looking_through(chosen) as looked:
        page = page_of(looked)
    reader, root, found = looked.reader, looked.root, looked.found
    every = [case for listed in looked.cases.values() for case in listed]
    files = inventory_of(reader, every, root.path, found.unreadable)
    remarks = [*remarks_of(reader), *found.remarks]
    if as_json:
        told = {
            "notes": [list(note) for note in looked.notes],
            "remarks": remarks,
            "files": asdict(files),
            "page": page,
        }
        output.print_json({**as_object(found, chosen, root), **told})
    else:
        show(looked.notes, found, files)
    for sentence in remarks:
        output.warn(sentence)
    remark(found, groups=hasattr(chosen.params, "patient"))
    if page and not as_json:
        output.print_line("page", page) if not output.for_people() else output.say(f"page: {page}")


def page_of(looked: LookedThrough) -> str:
    """Draw the page of `segkit data show` into the cache, one per dataset and folder; "" where the disk refuses."""
    from segkit.cli.data.show import CASES, draw_page
    from segkit.data.roots import cache_folder
    from segkit.errors import SegkitError

    own = hashlib.sha256(str(real(looked.root.path)).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    try:
        target = cache_folder() / "pages" / f"{looked.name}-{own}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        draw_page(looked, target, CASES)
    except (OSError, SegkitError) as error:
        output.warn(f"no page was drawn: {error}")
        return ""
    return str(target)


def show(notes: Sequence[tuple[str, str]], found: Overview, files: Inventory) -> None:
    """Print the tables for people, or tab-separated lines that say first what they are about."""
    splits, classes, twins = (list(rows(found)) for rows in (split_rows, class_rows, twin_rows))
    counts = list(file_rows(files))
    if not output.for_people():
        sections = (("note", notes), ("split", splits), ("class", classes), ("duplicate", twins), ("files", counts))
        for label, rows in sections:
            for row in rows:
                output.print_line(label, *row)
        return
    if notes:
        output.print_table(("understood as", ""), notes)
        output.say()
    told = [column for column in range(len(SPLIT_HEADS)) if any(row[column] for row in splits)]
    output.print_table([SPLIT_HEADS[column] for column in told], [[row[column] for column in told] for row in splits])
    output.say()
    output.print_table(CLASS_HEADS, classes, grouped=True)
    output.say()
    if twins:
        output.print_table(("duplicate", "image", "same as", "difference"), twins)
    else:
        output.say("no image is there twice")
    output.say()
    output.print_table(("files", "", "reason", "such as"), counts)


def file_rows(files: Inventory) -> Iterator[tuple[str, ...]]:
    """One line for the files that are used, one per reason of leaving some out, one per error."""
    yield "used", str(len(files.used)), "", files.used[0] if files.used else ""
    if not files.left_out:
        yield "left out", "0", "", ""
    for reason, count, first in files.reasons():
        yield "left out", str(count), reason, first
    if not files.errors:
        yield "errors", "0", "", ""
    for problem in files.errors[:SHOWN]:
        yield "errors", "1", problem.reason, problem.file
    if len(files.errors) > SHOWN:
        yield "errors", str(len(files.errors) - SHOWN), "see segkit data verify", files.errors[SHOWN].file


def split_rows(found: Overview) -> Iterator[tuple[str, ...]]:
    """One line per split."""
    for split in found.splits:
        sizes = [times(shape) for shape in (split.smallest, split.median, split.largest)]
        spacing = "" if split.spacing is None else "x".join(f"{length:.3g}" for length in split.spacing) + " mm"
        patients = str(split.groups or "")
        yield split.split, str(split.cases), patients, bytes_text(split.bytes), *sizes, spacing, "/".join(split.dtypes)


def class_rows(found: Overview) -> Iterator[tuple[str, ...]]:
    """One line per split and class."""
    for split in found.splits:
        masked = split.cases - split.without_mask
        for share in split.classes:
            yield split.split, share.name, f"{share.cases} of {masked}", percent(share.mean), percent(share.largest)


def twin_rows(found: Overview) -> Iterator[tuple[str, ...]]:
    """One line per pair of equal images, leaks first."""
    for twins in sorted(found.twins, key=lambda twins: not twins.leak):
        difference = "none" if twins.exact else f"{twins.distance:.1%} of the hash"
        yield kind_of(twins), "/".join(twins.first), "/".join(twins.second), difference


def kind_of(twins: Twins) -> str:
    """What a pair is: "LEAK, exact", "near"."""
    return ("LEAK, " if twins.leak else "") + ("exact" if twins.exact else "near")


def remark(found: Overview, *, groups: bool) -> None:
    """Say on stderr what a reader of the tables must not overlook.

    Args:
        groups: whether the dataset can be told which cases are of one patient.
    """
    leaks = sum(twins.leak for twins in found.twins)
    if leaks:
        pairs = "1 pair of images is" if leaks == 1 else f"{leaks} pairs of images are"
        output.warn(f"{pairs} in two splits: a model would be scored on what it has learnt from")
    near = sum(not twins.exact for twins in found.twins)
    if near:
        alike = "1 pair of images looks" if near == 1 else f"{near} pairs of images look"
        way = "a column patient in splits.csv, or --set data.patient=PATTERN" if groups else "tell the dataset's author"
        output.warn(f"{alike} alike; if they are of one patient, group them so that no split parts them: {way}")
    for problem in found.unreadable[:5]:
        output.warn(f"left out: {problem.file}: {problem.reason}")
    if len(found.unreadable) > 5:
        output.warn(f"{len(found.unreadable)} cases in all were left out (see: segkit data verify)")


def as_object(found: Overview, chosen: ChosenDataset, root: Root) -> dict[str, Any]:
    """What --json prints."""
    return {
        "dataset": chosen.full_name,
        "root": str(root.path),
        "generated": root.generated,
        "splits": [split_object(split) for split in found.splits],
        "duplicates": [{**asdict(twins), "leak": twins.leak} for twins in found.twins],
        "unreadable": [asdict(problem) for problem in found.unreadable],
    }


def split_object(split: SplitFacts) -> dict[str, Any]:
    """One split for JSON, which has no NaN."""
    described = asdict(split)
    for share in described["classes"]:
        for key in ("mean", "largest"):
            share[key] = None if math.isnan(share[key]) else share[key]
    return described


def times(shape: tuple[int, ...]) -> str:
    """A grid as people write it."""
    return "x".join(map(str, shape))


def percent(share: float) -> str:
    """A share as people read it; empty where there is none."""
    return "" if math.isnan(share) else f"{share:.2%}"
