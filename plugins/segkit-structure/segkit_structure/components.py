"""The lesions of a class: its connected components on both sides, and what each pair of them shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segkit_structure.runs import Components, Runs, components

TABLE = 1 << 20
"""Pairs of lesions up to which all are counted in one table; sorting what is shared takes longer."""
NOBODY = -1.0
"""In place of the other side's number where the row is a lesion's own size."""


@dataclass(frozen=True)
class Lesions:
    """Lesions of one class in one case.

    Attributes:
        predicted, reference: voxels of each lesion, int64 (P,) and (R,).
        pairs: which lesions share voxels, int64 (pairs, 2): of the prediction, of the mask.
        shared: how many, int64 (pairs,).
    """

    predicted: np.ndarray
    reference: np.ndarray
    pairs: np.ndarray
    shared: np.ndarray

    @classmethod
    def of_rows(cls, rows: np.ndarray, minimum: int = 0) -> Lesions:
        """Read the rows of `lesions`, without what has fewer voxels than `minimum`."""
        numbers, voxels = rows[:, :2].astype(np.int64), rows[:, 2].astype(np.int64)
        sides, kept = [], np.ones(len(rows), bool)
        for side in (0, 1):
            own = numbers[:, 1 - side] == int(NOBODY)
            sizes = voxels[own]
            large = sizes >= minimum
            number = np.cumsum(large) - 1
            has = numbers[:, side] >= 0
            kept[has] &= large[numbers[has, side]]
            numbers[has, side] = number[numbers[has, side]]
            sides.append(sizes[large])
        both = kept & (numbers >= 0).all(axis=1)
        return cls(sides[0], sides[1], numbers[both], voxels[both])

    def overlaps(self, kind: str) -> np.ndarray:
        """Return the IoU or Dice of each pair, float64 (pairs,)."""
        sizes = self.predicted[self.pairs[:, 0]] + self.reference[self.pairs[:, 1]]
        found: np.ndarray = self.shared / (sizes - self.shared) if kind == "iou" else 2 * self.shared / sizes
        return found


def lesions(predicted: np.ndarray, reference: np.ndarray, connectivity: str, spacing: Sequence[float]) -> np.ndarray:
    """Tell lesions apart on both sides and count what they share.

    Args:
        predicted, reference: bool (*S), one class in one box.
        connectivity: "full", "faces" or "mixed" (faces in 2D, full in 3D).

    Returns:
        float64 (rows, 3): number in the prediction, number in the mask, voxels. A lesion's own size has -1 for the
        other side; a pair has both numbers and what they share. Counts below 2^53 are exact.
    """
    full = connectivity == "full" or (connectivity == "mixed" and predicted.ndim == 3)
    one, two = (components(side, full) for side in (predicted, reference))
    rows = [own_sizes(one, 0), own_sizes(two, 1)]
    # What both sides hold lies within one run of either.
    common = Runs.of(predicted & reference)
    columns = max(two.count, 1)
    numbers = one.at(common) * columns + two.at(common)
    if one.count * two.count <= TABLE:
        table = np.bincount(numbers, weights=common.lengths)
        pairs = np.flatnonzero(table)
        shared = table[pairs]
    else:
        pairs, where = np.unique(numbers, return_inverse=True)
        shared = np.bincount(where, weights=common.lengths)
    rows.append(np.stack([pairs // columns, pairs % columns, shared], axis=1))
    return np.concatenate(rows).astype(np.float64)


def own_sizes(found: Components, side: int) -> np.ndarray:
    """Return the rows of one side's lesions alone."""
    own = [np.arange(found.count), np.full(found.count, NOBODY)]
    return np.stack([*(own if side == 0 else own[::-1]), found.sizes], axis=1)
