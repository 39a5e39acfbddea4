"""The smallest boxes around what is marked, and around each class."""

from __future__ import annotations

import numpy as np

Box = tuple[slice, ...]
"""One slice per axis of the image, start and stop set."""


def class_boxes(labels: np.ndarray, classes: int) -> list[Box | None]:
    """Return the smallest box around each label from 1 to `classes`, None for a label that is not there."""
    if classes == 1:
        return [occupied_box(labels == 1)]
    around = occupied_box(labels != 0)
    if around is None:
        return [None] * classes
    from scipy import ndimage

    # find_objects takes its time for every voxel, background too.
    found = ndimage.find_objects(labels[around].astype(np.uint8, copy=False), max_label=classes)
    return [None if box is None else shifted(box, around) for box in found] + [None] * (classes - len(found))


def occupied_box(marked: np.ndarray) -> Box | None:
    """Return the smallest box around the true elements, None where there are none."""
    box = []
    for axis in range(marked.ndim):
        others = tuple(other for other in range(marked.ndim) if other != axis)
        occupied = np.flatnonzero(marked.any(axis=others))
        if not len(occupied):
            return None
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(box)


def shifted(box: Box, around: Box) -> Box:
    """Return a box of the part `around` as a box of the whole."""
    return tuple(slice(a.start + b.start, a.start + b.stop) for a, b in zip(around, box, strict=True))
