"""The edge of each class: boxes, edge voxels and surface elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Box = tuple[slice, ...]
"""One slice per axis of the image, start and stop set."""


@dataclass(frozen=True)
class Edge:
    """Marked points of a regular grid, in a box of it.

    Attributes:
        start: index of the box's first point on the whole grid.
        marked: bool, of the box's shape.
    """

    start: tuple[int, ...]
    marked: np.ndarray

    def points(self) -> np.ndarray:
        """Return the marked points' indices on the whole grid, int64 (points, dims), in the order of the array."""
        found: np.ndarray = np.argwhere(self.marked) + self.start
        return found


def class_boxes(labels: np.ndarray, classes: int) -> list[Box | None]:
    """Return the smallest box around each label from 1 to `classes`, None for a label that is not there."""
    if labels.dtype == np.bool_:
        labels = labels.view(np.uint8)
    found: list[Box | None] = ndimage.find_objects(labels, max_label=classes)
    return found + [None] * (classes - len(found))


def edge_voxels(inside: np.ndarray, start: Sequence[int]) -> Edge:
    """Mark the voxels that have a face neighbour outside; beyond the array everything is outside.

    Args:
        inside: bool, the class within a box that holds all of it.
        start: where the box begins.
    """
    core = inside.copy()
    for axis in range(inside.ndim):
        ahead, behind = np.moveaxis(core, axis, 0), np.moveaxis(inside, axis, 0)
        ahead[0] = ahead[-1] = False
        ahead[1:-1] &= behind[:-2]
        ahead[1:-1] &= behind[2:]
    return Edge(tuple(start), inside ^ core)
