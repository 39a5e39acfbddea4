"""What the training split is like: sizes, spacings, class sizes, the thinnest structure; no other split is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np

from segkit.data.case import Case, Sample
from segkit.data.check import check_sample
from segkit.data.class_masks import is_class
from segkit.data.dataset import DatasetReader
from segkit.data.in_time import read_case
from segkit.data.large_array import every
from segkit.data.prefetch import prefetch
from segkit.data.resample import resize_image
from segkit.data.working_grid import coarse_axis
from segkit.declarations import Task
from segkit.errors import SegkitError

LOOKED_AT = 24
"""Training cases whose masks are read, evenly spread: reading is most of what a plan takes on photographs of 12 MP."""
MARGIN = 4
"""Cells of the coarser grid that are kept around a structure when it is brought there and back."""


@dataclass(frozen=True)
class Structure:
    """One class in one case.

    Attributes:
        label: of the class.
        share: of the case's pixels.
        thickness: diameter of the largest ball inside it, in pixels of the case's own grid.
        mask: (*S) bool, cut out with some background around it.
        step: every how many pixels of the case's own grid the mask was taken.
    """

    label: int
    share: float
    thickness: float
    mask: np.ndarray
    step: int


@dataclass(frozen=True)
class Fingerprint:
    """The training split, as far as choices depend on it.

    Attributes:
        cases: of the split, of which `looked_at` were read.
        shapes: the own grids of these; `spacings` their mm per voxel, None where one is not known.
        structures: per case, what it holds.
        seconds: to read one of them.
        bytes: of an image, in the mean.
    """

    task: Task
    cases: int
    looked_at: int
    shapes: tuple[tuple[int, ...], ...]
    spacings: tuple[tuple[float, ...] | None, ...]
    structures: tuple[tuple[Structure, ...], ...]
    seconds: float
    bytes: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The median grid."""
        return tuple(round(float(side)) for side in np.median(np.array(self.shapes), axis=0))

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """The median spacing along each axis; None where that of a case is not known."""
        known = [spacing for spacing in self.spacings if spacing is not None]
        if len(known) < len(self.spacings):
            return None
        return tuple(round(float(length), 3) for length in np.median(np.array(known), axis=0))

    @property
    def coarse(self) -> int | None:
        """The axis that volumes are sampled coarsely along."""
        return coarse_axis(self.spacing)

    @property
    def spacing_ratio(self) -> float:
        """The largest spacing along an axis over the smallest along the same one."""
        known = np.array([spacing for spacing in self.spacings if spacing is not None])
        return float((known.max(axis=0) / known.min(axis=0)).max()) if len(known) else 1.0

    def held_in(self, label: int) -> int:
        """How many of the cases that were read hold a class."""
        return sum(any(one.label == label for one in found) for found in self.structures)

    def share_of(self, label: int) -> float:
        """The mean share of a class over the cases that hold it."""
        shares = [one.share for found in self.structures for one in found if one.label == label]
        return float(np.mean(shares)) if shares else 0.0

    @property
    def thinnest(self) -> tuple[int, float] | None:
        """The class whose structures are thinnest in the median, and how thick these are in pixels."""
        found: dict[int, list[float]] = {}
        for one in (one for case in self.structures for one in case):
            found.setdefault(one.label, []).append(one.thickness)
        medians = {label: float(np.median(values)) for label, values in found.items()}
        return min(medians.items(), key=lambda item: item[1]) if medians else None


def read_fingerprint(
    reader: DatasetReader,
    cases: Sequence[Case],
    dataset_name: str,
    *,
    workers: int,
    progress: Callable[[int, int], None],
) -> Fingerprint:
    """Read training cases, evenly spread; raises SegkitError where one cannot be read or has no mask.

    Args:
        cases: of the training split.
    """
    chosen = spread(cases, LOOKED_AT)
    shapes, spacings, structures, size = [], [], [], 0
    look, begun = partial(look_at, reader, dataset_name), time.perf_counter()
    with closing(prefetch(look, chosen, workers)) as found:
        for done, (shape, spacing, held, taken) in enumerate(found, 1):
            shapes.append(shape)
            spacings.append(spacing)
            structures.append(held)
            size += taken
            progress(done, len(chosen))
    return Fingerprint(
        reader.task,
        len(cases),
        len(chosen),
        tuple(shapes),
        tuple(spacings),
        tuple(structures),
        (time.perf_counter() - begun) / len(chosen),
        size // len(chosen),
    )


def spread(cases: Sequence[Case], most: int) -> list[Case]:
    """Return at most so many cases, evenly spread over all of them."""
    count = min(most, len(cases))
    return [cases[place * len(cases) // count] for place in range(count)]


Looked = tuple[tuple[int, ...], tuple[float, ...] | None, tuple[Structure, ...], int]


def look_at(reader: DatasetReader, dataset_name: str, case: Case) -> Looked:
    """Read one case; return its shape, its spacing, what it holds, and the bytes of its image."""
    sample = read_case(reader, case)
    check_sample(sample, case, reader.task, dataset_name)
    if sample.mask is None:
        raise SegkitError(f"dataset {dataset_name}, case {case.id} has no mask", "training needs one for every image")
    return sample.shape, sample.spacing, tuple(structures_of(sample, reader.task)), sample.image.nbytes


MOST_CELLS = 2**21
"""Of a mask that is looked at closely: a larger one is taken every so many pixels."""


def structures_of(sample: Sample, task: Task) -> list[Structure]:
    """Return what a case holds, class by class."""
    assert sample.mask is not None
    dims = len(sample.shape)
    step = 1
    while np.prod([-(-side // step) for side in sample.shape]) > MOST_CELLS:
        step += 1
    mask = every(sample.mask, [1] * (sample.mask.ndim - dims) + [step] * dims)
    found = []
    for label in range(1, len(task.classes) + 1):
        inside = is_class(mask, label, task)
        if inside.any():
            cut = around(inside)
            found.append(Structure(label, float(inside.mean()), step * thickness(cut), cut, step))
    return found


def around(inside: np.ndarray) -> np.ndarray:
    """Cut a structure out with some background around it."""
    cut = inside
    for axis in range(inside.ndim):
        held = np.flatnonzero(inside.any(axis=tuple(other for other in range(inside.ndim) if other != axis)))
        low, high = max(0, held[0] - 4 * MARGIN), held[-1] + 1 + 4 * MARGIN
        cut = cut.take(range(low, min(high, inside.shape[axis])), axis=axis)
    return cut


def thickness(inside: np.ndarray) -> float:
    """Return the diameter of the largest ball inside a structure (*S), in pixels."""
    from scipy.ndimage import distance_transform_edt

    return 2 * float(distance_transform_edt(np.pad(inside, 1)).max()) - 1


def kept_by(found: Fingerprint, factors: Sequence[Sequence[float]]) -> dict[int, float]:
    """Return, by label, the mean Dice of masks that were brought to a coarser grid and back: no network can do better.

    Args:
        factors: per case, along each axis, how many pixels of its own grid one of the coarser grid is.
    """
    scores: dict[int, list[float]] = {}
    for case, own in zip(found.structures, factors, strict=True):
        for one in case:
            scores.setdefault(one.label, []).append(round_trip(one.mask, [factor / one.step for factor in own]))
    return {label: float(np.mean(values)) for label, values in scores.items()}


def round_trip(inside: np.ndarray, factors: Sequence[float]) -> float:
    """Return the Dice of a structure with itself after a coarser grid: as shares of its cells, then interpolated."""
    size = tuple(max(1, round(side / factor)) for side, factor in zip(inside.shape, factors, strict=True))
    if all(wanted >= side for wanted, side in zip(size, inside.shape, strict=True)):
        return 1.0
    coarse = resize_image(inside[None].astype(np.float32), size)
    back = resize_image(coarse, inside.shape)[0] >= 0.5
    return float(2 * (back & inside).sum() / max(1, back.sum() + inside.sum()))
