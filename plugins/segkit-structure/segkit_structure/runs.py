"""Connected components from runs: voxels of a row joined with those of neighbouring rows; background costs nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

DENSE = 0.03
"""Runs per voxel of the box."""


@dataclass(frozen=True)
class Runs:
    """Voxels of a class that follow one another in a row, as places in rows that are one voxel longer than the box's.

    Attributes:
        begins, lengths: int64 (runs,), in order.
    """

    begins: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, inside: np.ndarray) -> Runs:
        """Find the runs of a class, bool (*S)."""
        # A voxel of outside before the first row and after each: no run goes on in the next one.
        rows = np.zeros((inside.size // max(inside.shape[-1], 1), inside.shape[-1] + 1), dtype=bool)
        rows[:, :-1] = inside.reshape(rows.shape[0], -1)
        flat = np.r_[False, rows.ravel()]
        turns = np.flatnonzero(flat[1:] != flat[:-1])
        return cls(turns[::2], turns[1::2] - turns[::2])


@dataclass(frozen=True)
class Components:
    """The connected components of a class.

    Attributes:
        runs: of the class.
        numbers: of each run's component, counted from 0 in the order of their first voxels, int64 (runs,).
        count: how many components there are.
    """

    runs: Runs
    numbers: np.ndarray
    count: int

    @property
    def sizes(self) -> np.ndarray:
        """Voxels of each component, int64 (count,)."""
        return np.bincount(self.numbers, weights=self.runs.lengths, minlength=self.count).astype(np.int64)

    def at(self, part: Runs) -> np.ndarray:
        """Return the component of each run that lies within one of the class."""
        found: np.ndarray = self.numbers[np.searchsorted(self.runs.begins, part.begins, side="right") - 1]
        return found


def components(inside: np.ndarray, full: bool) -> Components:
    """Tell the connected components of a class apart.

    `ndimage.label` visits every voxel of the box, 16 ms for 128^3 of which 4 % are inside, where runs take 2; of noise
    it is the faster one. Both number components alike.

    Args:
        inside: bool (*S).
        full: voxels touch by faces, edges and corners; else by faces alone.
    """
    from scipy import ndimage
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    runs = Runs.of(inside)
    total = len(runs.begins)
    if not total:
        return Components(runs, runs.begins, 0)
    corners = np.unravel_index(runs.begins, (*inside.shape[:-1], inside.shape[-1] + 1))
    if total > DENSE * inside.size:
        structure = ndimage.generate_binary_structure(inside.ndim, inside.ndim if full else 1)
        labels, count = ndimage.label(inside, structure)
        return Components(runs, labels[corners].astype(np.int64) - 1, int(count))
    # Beyond the last voxel of every axis lies one of outside, so that a step over the rim meets no run.
    padded = tuple(side + 1 for side in inside.shape)
    begins = np.ravel_multi_index(corners, padded)
    pairs = list(touching(begins, begins + runs.lengths - 1, padded, full))
    first, second = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(total, total))
    count, numbers = connected_components(graph, directed=False)
    return Components(runs, numbers.astype(np.int64), int(count))


def touching(
    begins: np.ndarray, ends: np.ndarray, padded: tuple[int, ...], full: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of runs that touch, for each of the neighbouring rows ahead.

    Args:
        begins, ends: first and last voxel of each run, flat in a box that is padded after the last voxel of each axis.
    """
    reach = int(full)
    strides = np.cumprod((1, *padded[:0:-1]))[:0:-1]
    for step in itertools.product((-1, 0, 1), repeat=len(strides)):
        if step <= (0,) * len(strides) or (not full and np.abs(step).sum() != 1):
            continue
        ahead = int(np.dot(step, strides))
        low = np.searchsorted(ends, begins + (ahead - reach))
        number = np.searchsorted(begins, ends + (ahead + reach), side="right") - low
        if number.max(initial=0) <= 1:
            found = np.flatnonzero(number)
            yield found, low[found]
            continue
        within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        yield np.repeat(np.arange(len(begins)), number), np.repeat(low, number) + within
