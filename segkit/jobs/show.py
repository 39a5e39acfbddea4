"""What was understood of a dataset, as one page: its cases with outlines, suspicious ones first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segkit.data.at_once import room_for
from segkit.data.case import Case, Sample
from segkit.data.class_masks import painted
from segkit.data.dataset import DatasetReader
from segkit.data.facts import CaseFacts
from segkit.data.in_time import read_case
from segkit.data.label_png import colours_of
from segkit.data.overview import Overview
from segkit.data.prefetch import prefetch
from segkit.data.suspicion import Suspicion, gravest_first, suspicions
from segkit.files import write_text, write_whole
from segkit.report.data_page import DataPage, ShownMask, data_page, data_sheet, shown_mask
from segkit.report.large_pictures import too_large, whole_shown
from segkit.report.pictures import displayable
from segkit.report.volume_pictures import volume_slice


@dataclass(frozen=True)
class Understood:
    """A dataset that was looked through.

    Attributes:
        notes: how the reader understood its files, (label, text).
        remarks: what people must know of them.
        splits, classes: rows of the tables, the heads first.
    """

    name: str
    reader: DatasetReader
    cases: Mapping[str, Sequence[Case]]
    found: Overview
    generated: bool
    notes: Sequence[tuple[str, str]]
    remarks: Sequence[str]
    splits: Sequence[Sequence[str]]
    classes: Sequence[Sequence[str]]


def show_data(
    understood: Understood, page: Path, most: int, workers: int, progress: Callable[[int, int], None]
) -> tuple[DataPage, Path]:
    """Write the page, and beside it the sheet: the same name with .png.

    Args:
        most: how many cases are shown, the suspicious ones first.

    Returns:
        What the page says, and the sheet's path.

    Raises:
        SegkitError: the disk refuses.
    """
    facts = understood.found.cases
    odd, common = suspicions(facts, understood.found.twins)
    chosen = gravest_first(facts, odd)[:most]
    by_name = {(split, case.id): case for split, listed in understood.cases.items() for case in listed}
    classes = understood.reader.task.classes

    def draw(fact: CaseFacts) -> ShownMask:
        name = (fact.split, fact.id)
        with room_for(by_name[name].files):
            sample = read_case(understood.reader, by_name[name])
            if sample.mask is not None:
                sample = replace(sample, mask=painted(sample.mask, understood.reader.task))
            return drawn(sample, fact, len(classes), odd.get(name, ()))

    shown = []
    for case in prefetch(draw, chosen, workers):
        shown.append(case)
        progress(len(shown), len(chosen))
    flat = colours_of(len(classes) + 1)
    content = DataPage(
        title=understood.name,
        generated=understood.generated,
        colours=[(name, rgb(flat, label)) for label, name in enumerate(classes, start=1)],
        notes=understood.notes,
        splits=understood.splits,
        classes=understood.classes,
        problems=[(problem.file, problem.reason) for problem in understood.found.unreadable],
        remarks=[*understood.remarks, *common],
        suspicious=len(odd),
        count=len(facts),
        cases=shown,
    )
    write_text(page, data_page(content))
    sheet = page.with_suffix(".png")
    picture = data_sheet(content)
    write_whole(sheet, lambda stream: stream.write(picture))
    return content, sheet


def rgb(flat: Sequence[int], label: int) -> tuple[int, int, int]:
    """A label's colour in a flat palette."""
    red, green, blue = flat[3 * label : 3 * label + 3]
    return red, green, blue


def drawn(sample: Sample, fact: CaseFacts, classes: int, odd: Sequence[Suspicion]) -> ShownMask:
    """Return a case as the page shows it: a photograph, or of a volume the slice with most foreground."""
    mask, shown = sample.mask, sample.mask
    facts = " x ".join(map(str, fact.shape))
    if sample.image.ndim == 4:
        empty = np.zeros(sample.image.shape[1:], np.uint8) if mask is None else mask
        found = volume_slice(sample.image, empty, empty, sample.spacing)
        picture, shown = found.image, found.reference
        facts += f", {found.where}"
    elif too_large(sample.image):
        empty = np.zeros(sample.image.shape[1:], np.uint8) if mask is None else mask
        whole = whole_shown(sample.image, empty, empty)
        picture, shown = displayable(whole.image), None if mask is None else whole.reference
    else:
        picture = displayable(sample.image)
    if fact.spacing is not None:
        facts += ", " + " x ".join(f"{length:.3g}" for length in fact.spacing) + " mm"
    if fact.foreground is not None and fact.valid:
        facts += f", foreground {fact.foreground / fact.valid:.1%}"
    return shown_mask(fact.split, fact.id, picture, shown, classes, [one.reason for one in odd], facts)
