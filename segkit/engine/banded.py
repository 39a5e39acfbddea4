"""Label maps that are not held measured band by band: counts are exact, distances are taken around the structures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segkit.contracts import IGNORE, Measurement
from segkit.data.large_array import is_large, let_go
from segkit.declarations import Task
from segkit.engine.class_measure import COUNTS, measure_classes
from segkit.engine.scratch import MOST_HELD
from segkit.errors import SegkitError

BAND = 2**24
"""Pixels of a band that is counted at a time."""
A_PIXEL = 12
"""Bytes that measuring distances takes for a pixel of the part around the structures, about."""


def held(mask: Any) -> Any:
    """Return a label map as an array in memory where it is one that is held, else as it is."""
    return np.asarray(mask) if is_large(mask) and mask.size <= MOST_HELD else mask


def banded(*masks: Any) -> bool:
    """Whether label maps are measured band by band."""
    return any(is_large(mask) or mask.size > MOST_HELD for mask in masks)


def bands_of(*masks: Any) -> Iterator[tuple[slice, tuple[np.ndarray, ...]]]:
    """Yield some rows of label maps (..., H, W) of one grid at a time."""
    height, width = masks[0].shape[-2:]
    step = max(1, BAND // width)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        yield rows, tuple(np.asarray(mask[..., rows, :]) for mask in masks)
        for mask in masks:
            let_go(mask)


@dataclass(frozen=True)
class LargePair:
    """A prediction and a mask (*S) that are not held, of one case.

    Attributes:
        raised: every label is one larger than it is kept, as background is scored too (`count_from_one` does it).
    """

    prediction: Any
    mask: Any
    spacing: tuple[float, ...] | None
    task: Task
    raised: Callable[[np.ndarray], np.ndarray] | None = None

    def counted(self, measure: Callable[..., Measurement], options: Mapping[str, Any]) -> Measurement:
        """Measure bands and add up their counts, which is all there is then."""
        each = []
        for _, parts in bands_of(self.prediction, self.mask):
            prediction, mask = parts if self.raised is None else map(self.raised, parts)
            each.append(measure_classes(measure, prediction, mask, self.spacing, self.task, options))
        counts: dict[str, Any] = {
            name: np.sum([getattr(one, name) for one in each], axis=0, dtype=np.int64) for name in COUNTS
        }
        return replace(each[0], shape=tuple(self.mask.shape[-2:]), distances={}, **counts)

    def around(self, measure: Callable[..., Measurement], options: Mapping[str, Any], count: Any) -> Measurement:
        """Measure the part of the image in which either label map has anything; the counts are those of the whole.

        Raises:
            SegkitError: that part is too large to be held, or background is scored, which is everywhere.
        """
        if self.raised is not None:
            raise SegkitError(
                f"distances of the background of {' x '.join(map(str, self.mask.shape[-2:]))} pixels are not measured",
                "leave out evaluate.background, or the metrics of distances",
            )
        from segkit.engine.memory import check_memory  # brings torch, which planning what is measured does without

        place = occupied(self.prediction, self.mask)
        shape = tuple(part.stop - part.start for part in place)
        check_memory(A_PIXEL * shape[0] * shape[1], shape)
        cut = np.asarray(self.prediction[(..., *place)]), np.asarray(self.mask[(..., *place)])
        found = measure_classes(measure, *cut, self.spacing, self.task, options)
        whole = self.counted(count, {})
        return replace(found, shape=whole.shape, **{name: getattr(whole, name) for name in COUNTS})


def occupied(prediction: Any, mask: Any) -> tuple[slice, slice]:
    """Return the smallest part in which there is anything of two label maps, and a pixel around it."""
    rows: list[int] = []
    columns: list[int] = []
    for band, parts in bands_of(prediction, mask):
        marked = np.zeros(parts[0].shape[-2:], bool)
        for part in parts:
            inside = (part != 0) & (part != IGNORE)
            marked |= inside if inside.ndim == 2 else inside.any(axis=0)
        for found, axis, start in ((rows, 1, band.start), (columns, 0, 0)):
            places = np.flatnonzero(marked.any(axis=axis))
            found += [int(places[0]) + start, int(places[-1]) + start] if places.size else []
    height, width = mask.shape[-2:]
    if not rows:
        return slice(0, 1), slice(0, 1)
    return (
        slice(max(0, min(rows) - 1), min(height, max(rows) + 2)),
        slice(max(0, min(columns) - 1), min(width, max(columns) + 2)),
    )
