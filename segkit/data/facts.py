"""What one case is: its grid, its pixels counted, and the numbers by which one that is unlike the others is found."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.at_once import room_for
from segkit.data.case import Case, Problem, Sample
from segkit.data.check import check_sample
from segkit.data.class_masks import painted
from segkit.data.dataset import DatasetReader
from segkit.data.duplicates import Prints, prints_of
from segkit.data.in_parts import bands_of, counts_of, mean_and_deviation
from segkit.data.in_time import read_case
from segkit.data.large_array import every, is_large
from segkit.data.prefetch import prefetch
from segkit.data.sources import bytes_of
from segkit.declarations import Task
from segkit.errors import SegkitError, UnusableFileError

COUNTED = 512
"""Pieces are counted on a grid of at most so many pixels a side: what is smaller than that grid's step is no piece."""


@dataclass(frozen=True)
class CaseFacts:
    """What one case is, its pixels counted.

    Attributes:
        shape: the case's own grid.
        counts: pixels of each foreground class, in label order; None where there is no mask.
        marked: pixels of any class, each once; None: the sum of the counts, as of classes that exclude each other.
        valid: pixels of the mask that are not ignored.
        files: bytes of each.
        mean, std: of the image's values over all channels.
        contrast: mean inside the foreground less that outside, in deviations; NaN where either is empty.
        pieces: connected components of the foreground of all classes together.
        border: share of the grid's border that is foreground.
        mask_print: SHA-256 of a mask that has foreground and background; "" for any other.
        remarks: what the reader told of how it read the files.
    """

    split: str
    id: str
    group: str | None
    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None
    dtype: str
    counts: tuple[int, ...] | None
    valid: int
    files: Mapping[Path, int]
    prints: Prints
    mean: float = 0.0
    std: float = 0.0
    contrast: float = float("nan")
    pieces: int = 0
    border: float = 0.0
    mask_print: str = ""
    remarks: tuple[str, ...] = ()
    marked: int | None = None

    @property
    def foreground(self) -> int | None:
        """Pixels of any class; None where there is no mask."""
        return sum(self.counts) if self.marked is None and self.counts is not None else self.marked


def read_facts(
    reader: DatasetReader,
    cases: Mapping[str, Sequence[Case]],
    dataset_name: str,
    *,
    workers: int,
    progress: Callable[[int, int], None],
) -> tuple[list[CaseFacts], list[Problem]]:
    """Read every case; return the facts of each, and what cannot be read with its reason."""
    every = [(split, case) for split, listed in cases.items() for case in listed]
    facts: list[CaseFacts] = []
    unreadable: list[Problem] = []
    found = prefetch(lambda item: facts_of(reader, *item, dataset_name), every, workers)
    for done, fact in enumerate(found, 1):
        if isinstance(fact, Problem):
            unreadable.append(fact)
        else:
            facts.append(fact)
        progress(done, len(every))
    return facts, unreadable


def facts_of(reader: DatasetReader, split: str, case: Case, dataset_name: str) -> CaseFacts | Problem:
    """Read one case and count it; a Problem where it cannot be read."""
    with room_for(case.files):
        return facts_of_one(reader, split, case, dataset_name)


def facts_of_one(reader: DatasetReader, split: str, case: Case, dataset_name: str) -> CaseFacts | Problem:
    """As `facts_of`, without a look at what other threads read."""
    try:
        sample = read_case(reader, case)
        check_sample(sample, case, reader.task, dataset_name)
    except Exception as error:  # whatever a stranger's reader may raise
        if isinstance(error, UnusableFileError):
            return Problem(error.file, error.reason)
        reason = error.message if isinstance(error, SegkitError) else f"{type(error).__name__}: {error}"
        return Problem(case.files[0].name if case.files else case.id, reason)
    return counted(sample, reader.task, split, case)


def counted(sample: Sample, task: Task, split: str, case: Case) -> CaseFacts:
    """Count a sample's pixels."""
    image = sample.image
    facts: dict[str, object] = {"counts": None, "valid": 0}
    if sample.mask is not None:
        mask = np.asarray(sample.mask) if task.overlapping else sample.mask
        facts = mask_facts(painted(mask, task), image, len(task.classes))
        if task.overlapping:
            counts = [np.count_nonzero(plane == 1) for plane in mask]
            facts |= {"counts": tuple(map(int, counts)), "marked": int((mask == 1).any(axis=0).sum())}
    mean, deviation = mean_and_deviation(image)
    return CaseFacts(
        split=split,
        id=case.id,
        group=case.group,
        shape=sample.shape,
        spacing=sample.spacing,
        dtype=image.dtype.name,
        files={Path(path): bytes_of(Path(path)) for path in case.files},
        prints=prints_of(image),
        mean=mean,
        std=deviation,
        remarks=sample.remarks,
        **facts,  # type: ignore[arg-type]
    )


def mask_facts(mask: np.ndarray, image: np.ndarray, classes: int) -> dict[str, object]:
    """Return the facts about a mask (*S) and the image (C, *S) below it, either in memory or not."""
    from scipy.ndimage import label

    histogram, digest = np.zeros(256, np.int64), hashlib.sha256()
    for rows in whole_bytes(mask):
        band = np.asarray(mask[..., rows, :]).astype(np.uint8, copy=False)
        histogram += counts_of(band)
        digest.update(np.packbits(is_marked(band)).tobytes())
    marked = int(histogram[1:IGNORE].sum())
    sparse = is_marked(every(mask, [-(-side // COUNTED) for side in mask.shape]))
    mixed = 0 < marked < mask.size
    return {
        "counts": tuple(int(count) for count in histogram[1 : classes + 1]),
        "valid": int(mask.size - histogram[IGNORE]),
        "contrast": contrast(image, mask, marked) if mixed else float("nan"),
        "pieces": int(label(sparse, np.ones((3,) * mask.ndim))[1]),
        "border": border_share(mask),
        "mask_print": digest.hexdigest() if mixed else "",
    }


def is_marked(labels: np.ndarray) -> np.ndarray:
    """Return which pixels are of any class."""
    found: np.ndarray = (labels > 0) & (labels != IGNORE)
    return found


def whole_bytes(mask: np.ndarray) -> Iterator[slice]:
    """Yield the rows of a mask at once, or of one that is not in memory so many that their bits fill whole bytes."""
    step = 256 if is_large(mask) else mask.shape[-2]
    for start in range(0, mask.shape[-2], step):
        yield slice(start, start + step)


def contrast(image: np.ndarray, mask: np.ndarray, count: int) -> float:
    """Return how much brighter the foreground, of `count` pixels, is than the rest, in deviations of the image."""
    total = squares = inside = 0.0
    corner: tuple[Any, ...] = (slice(None), *(0,) * mask.ndim)
    shift = float(image[corner].mean())  # squares of what is far from 0 lose digits
    for rows in bands_of(image):
        grey = image[..., rows, :].mean(axis=0, dtype=np.float64) - shift
        total, squares = total + float(grey.sum()), squares + float(np.square(grey).sum())
        inside += float(grey[is_marked(mask[..., rows, :])].sum())
    deviation = math.sqrt(max(0.0, squares / mask.size - (total / mask.size) ** 2))
    if deviation == 0.0:
        return float("nan")
    return (inside / count - (total - inside) / (mask.size - count)) / deviation


def border_share(mask: np.ndarray) -> float:
    """Return the share of the last two axes' border that is foreground."""
    edges = [mask[..., 0, :], mask[..., -1, :], mask[..., :, 0], mask[..., :, -1]]
    return float(is_marked(np.concatenate([edge.ravel() for edge in edges])).mean())
