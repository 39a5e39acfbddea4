"""Distances from the points of one edge to the nearest of another, by a search tree or a distance transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from segkit_metrics.edges import Edge, marked_points

Way = Literal["auto", "tree", "transform"]

VOXELS_PER_POINT = 8
"""The tree is taken where the box around both edges has more voxels per point (docs/benchmarks/metrics.md)."""


def distances(source: Edge, target: Edge, spacing: Sequence[float], way: Way = "auto") -> np.ndarray:
    """Return the distance of every point of `source` to the nearest of `target`, float64 (points,).

    Args:
        spacing: length of a step along each axis, which gives the unit.
        way: a search tree, a distance transform of the box around both, or whichever is faster; they agree to 1e-9.

    Returns:
        In the order of `source.points()`; inf where the target has no points.
    """
    apart = source.marked.copy()
    ours, theirs = overlap(source, target)
    apart[ours] &= ~target.marked[theirs]
    result = np.zeros(np.count_nonzero(source.marked))
    if not target.marked.any():
        return np.full_like(result, np.inf)
    searched = marked_points(apart)
    if len(searched):
        searched += source.start
        if way == "auto":
            way = faster(source, target, len(searched))
        search = by_tree if way == "tree" else by_transform
        result[apart[source.marked]] = search(searched, source, target, np.asarray(spacing, dtype=np.float64))
    return result


def faster(source: Edge, target: Edge, searched: int) -> Way:
    """Return the faster way for that many points, by VOXELS_PER_POINT."""
    low, high = common_box(source, target)
    voxels = int(np.prod(high - low))
    return "tree" if voxels > VOXELS_PER_POINT * (searched + np.count_nonzero(target.marked)) else "transform"


def by_tree(searched: np.ndarray, source: Edge, target: Edge, spacing: np.ndarray) -> np.ndarray:
    """Search a k-d tree (Bentley 1975) of the target's points."""
    points = target.points()
    tree = cKDTree(points * spacing, leafsize=32, balanced_tree=False)
    return lengths(searched - points[tree.query(searched * spacing)[1]], spacing)


def by_transform(searched: np.ndarray, source: Edge, target: Edge, spacing: np.ndarray) -> np.ndarray:
    """Look up the nearest target voxel of every voxel in the box around both edges (Maurer et al. 2003)."""
    low, high = common_box(source, target)
    away = np.ones(high - low, dtype=bool)
    inner = tuple(
        slice(begin - first, begin - first + size)
        for begin, first, size in zip(target.start, low, target.marked.shape, strict=True)
    )
    away[inner] = ~target.marked
    nearest = ndimage.distance_transform_edt(away, sampling=spacing, return_distances=False, return_indices=True)
    own = searched - low
    at = tuple(own.T)
    return lengths(own - np.stack([axis[at] for axis in nearest], axis=1), spacing)


def lengths(steps: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the length of each whole number of steps (points, dims); where in the image they lie plays no part."""
    found: np.ndarray = np.sqrt(((steps * spacing) ** 2).sum(axis=1))
    return found


def common_box(first: Edge, second: Edge) -> tuple[np.ndarray, np.ndarray]:
    """Return first and last index (exclusive) of the box around both."""
    low = np.minimum(first.start, second.start)
    high = np.maximum(np.add(first.start, first.marked.shape), np.add(second.start, second.marked.shape))
    return low, high


def overlap(first: Edge, second: Edge) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the part that both boxes share as slices of each; empty ones where they share nothing."""
    low = np.maximum(first.start, second.start)
    high = np.minimum(np.add(first.start, first.marked.shape), np.add(second.start, second.marked.shape))
    high = np.maximum(low, high)

    def within(edge: Edge) -> tuple[slice, ...]:
        return tuple(slice(int(a - s), int(b - s)) for a, b, s in zip(low, high, edge.start, strict=True))

    return within(first), within(second)
