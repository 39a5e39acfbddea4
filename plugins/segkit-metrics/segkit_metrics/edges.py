"""The edge of a class: its edge voxels within the box around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
        return marked_points(self.marked) + self.start


def marked_points(marked: np.ndarray) -> np.ndarray:
    """Return the indices of the true elements, int64 (points, dims): `np.argwhere`, several times as fast."""
    # numpy looks for non-zero bytes quickly along one axis only.
    return np.stack(np.unravel_index(np.flatnonzero(marked), marked.shape), axis=1)


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
