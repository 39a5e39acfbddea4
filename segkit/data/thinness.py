"""How thin what is marked is: whether anything of it is left once a photograph is resized."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segkit.data.case import Case
from segkit.data.class_masks import is_class
from segkit.data.dataset import DatasetReader
from segkit.data.in_time import read_case
from segkit.declarations import Task

LOOKED_AT = 12
"""Training masks, evenly spread."""
PERCENT = 10
"""Of the places along the middle of structures, the thinnest so many are thinner than what is told."""
TOO_THIN = 2.0
"""Working pixels: a line of fewer is interrupted or gone wherever it falls between them."""


def width_of(inside: np.ndarray) -> float | None:
    """Return how wide the thinner structures of a mask (H, W) bool are in pixels; None where nothing is marked.

    A structure is as wide as twice the distance from its middle to what is around it, less the pixel in the middle;
    its middle is where that distance is larger nowhere beside it.
    """
    from scipy import ndimage

    if not inside.any():
        return None
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    part = np.pad(inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    distance = ndimage.distance_transform_edt(part)
    middle = part & (distance >= ndimage.maximum_filter(distance, 3))
    return float(2 * np.percentile(distance[middle], PERCENT) - 1)


def thin_classes(
    reader: DatasetReader, cases: Sequence[Case], task: Task, size: Sequence[int]
) -> dict[str, tuple[float, float]]:
    """Return the classes of which resizing to `size` would lose structures.

    Returns:
        By class how wide its thinner structures are in the file's pixels and in working ones, medians over some cases.

    Raises:
        SegkitError: a case cannot be read.
    """
    step = -(-len(cases) // LOOKED_AT) or 1
    widths: dict[str, list[tuple[float, float]]] = {name: [] for name in task.classes}
    for case in cases[::step]:
        sample = read_case(reader, case)
        if sample.mask is None:
            continue
        scale = min(1.0, *(wanted / side for wanted, side in zip(size, sample.shape, strict=True)))
        for label, name in enumerate(task.classes, start=1):
            width = width_of(is_class(sample.mask, label, task))
            if width is not None:
                widths[name].append((width, width * scale))
    medians = {name: np.median(np.array(found), axis=0) for name, found in widths.items() if found}
    found = {name: (float(own), float(working)) for name, (own, working) in medians.items()}
    return {name: (own, working) for name, (own, working) in found.items() if working < min(own, TOO_THIN)}
