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
    if not marked.size:
        return None
    if marked.ndim == 1:
        occupied = np.flatnonzero(marked)
        return (slice(int(occupied[0]), int(occupied[-1]) + 1),) if len(occupied) else None
    # Rows and planes that are marked are told by short-circuit; what is behind one another is looked at once only.
    along = occupied_box(np.logical_or.reduce(marked.reshape(len(marked), -1), axis=1))
    if along is None:
        return None
    across = occupied_box(np.logical_or.reduce(marked[along], axis=0))
    return None if across is None else (*along, *across)


def shifted(box: Box, around: Box) -> Box:
    """Return a box of the part `around` as a box of the whole."""
    return tuple(slice(a.start + b.start, a.start + b.stop) for a, b in zip(around, box, strict=True))
