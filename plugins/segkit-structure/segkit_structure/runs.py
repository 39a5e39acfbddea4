"""Connected components from runs: rows of voxels joined with those of neighbouring lines; background costs nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

DENSE = 0.1


def components(inside: np.ndarray, full: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """Tell the connected components of a class apart.

    `ndimage.label` visits every voxel of the box, 16 ms for 128^3 of which 3 % are inside, where runs take 5; where
    more than a tenth is inside, as in noise, it is the faster one. Both number components alike.

    Args:
        inside: bool (*S).
        full: voxels touch by faces, edges and corners; else by faces alone.

    Returns:
        Flat places of the voxels inside, in their order; the number of each one's component, counted from 0 in the
        order of their first voxels; and how many there are.
    """
    from scipy import ndimage
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    places = np.flatnonzero(inside)
    if not len(places):
        return places, places, 0
    if len(places) > DENSE * inside.size:
        structure = ndimage.generate_binary_structure(inside.ndim, inside.ndim if full else 1)
        labels, count = ndimage.label(inside, structure)
        return places, labels.ravel()[places] - 1, int(count)
    width = inside.shape[-1]
    breaks = np.flatnonzero(np.r_[True, (np.diff(places) != 1) | (places[1:] % width == 0)])
    lengths = np.diff(np.r_[breaks, len(places)])
    line, start = np.divmod(places[breaks], width)
    pairs = list(touching(line, start, lengths, inside.shape, full))
    first, second = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(line), len(line)))
    count, numbers = connected_components(graph, directed=False)
    return places, np.repeat(numbers, lengths), int(count)


def touching(
    line: np.ndarray, start: np.ndarray, lengths: np.ndarray, shape: tuple[int, ...], full: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of runs that touch, for each of the neighbouring lines ahead."""
    reach, stride = int(full), shape[-1] + 2
    last = start + lengths - 1
    begins, ends = line * stride + start, line * stride + last
    lines = np.stack(np.unravel_index(line, shape[:-1]), axis=1)
    sides = np.array(shape[:-1])
    for step in itertools.product((-1, 0, 1), repeat=len(sides)):
        if step <= (0,) * len(sides) or (not full and np.abs(step).sum() != 1):
            continue
        target = lines + step
        valid = np.flatnonzero(((target >= 0) & (target < sides)).all(axis=1))
        ahead = np.ravel_multi_index(tuple(target[valid].T), tuple(shape[:-1])) * stride
        low = np.searchsorted(ends, ahead + start[valid] - reach)
        number = np.maximum(np.searchsorted(begins, ahead + last[valid] + reach, side="right") - low, 0)
        within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        yield np.repeat(valid, number), np.repeat(low, number) + within
