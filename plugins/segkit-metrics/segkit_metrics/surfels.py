"""Surface elements: how much of a class's surface passes between the voxels around each corner of the grid.

The surface is that of marching cubes (Lorensen and Cline 1987) at half height: between 2 x 2 (x 2) voxels it is made of
closed lines through the middles of the edges that join an inner and an outer voxel. Where a face has inner voxels at
opposite corners they are kept apart. A pattern with more than half of its voxels inside has the surface of its
complement. A line of more than three points is filled by the fan of triangles that has the largest area on a grid of
equal spacing: of the ways to fill it, that is the one whose areas are those of DeepMind's surface-distance, which the
tests compare for every pattern.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from segkit_metrics.edges import Edge

Point = tuple[float, ...]
Corner = tuple[int, ...]
Segment = tuple[Point, Point]


def surface_elements(inside: np.ndarray, start: Sequence[int], spacing: Sequence[float]) -> tuple[Edge, np.ndarray]:
    """Mark the corners of the grid through which the surface passes.

    Args:
        inside: bool (*S), the class within a box that holds all of it; 2D or 3D.
        start: where the box begins.
        spacing: mm per voxel and axis.

    Returns:
        The corners, whose grid has one more point per axis than the image; and for each the area in mm² (2D: the length
        in mm) of the surface, float64 (points,) in the order of their array.
    """
    codes = np.zeros([side + 1 for side in inside.shape], dtype=np.uint8)
    for bit, corner in enumerate(corners(inside.ndim)):
        part = tuple(slice(1 - at, 1 - at + side) for at, side in zip(corner, inside.shape, strict=True))
        codes[part] |= inside.view(np.uint8) << bit
    marked = (codes != 0) & (codes != 2 ** (2**inside.ndim) - 1)
    return Edge(tuple(start), marked), areas(tuple(map(float, spacing)))[codes[marked]]


def areas(spacing: tuple[float, ...]) -> np.ndarray:
    """Return the surface of every pattern, float64 (16,) in 2D and (256,) in 3D.

    Bit i of a pattern is the i-th of `corners`.
    """
    steps = np.array(spacing)
    # A line grows with the spacing along it, the normal of a triangle with the spacings across it.
    scale = steps if len(steps) == 2 else steps.prod() / steps
    table: np.ndarray = np.linalg.norm(elements(len(steps)) * scale, axis=-1).sum(axis=-1)
    return table


@lru_cache(maxsize=2)
def elements(dims: int) -> np.ndarray:
    """Return each pattern's lines (2D) or normals of triangles, as long as their area (3D), at spacing 1.

    Returns:
        float64 (patterns, elements, dims), filled up with zeros.
    """
    found = []
    for code in range(2 ** (2**dims)):
        inner = {corner for bit, corner in enumerate(corners(dims)) if code >> bit & 1}
        if len(inner) > 2 ** (dims - 1):
            inner = set(corners(dims)) - inner
        lines = [segment for ring in faces(dims) for segment in crossing(ring, inner)]
        if dims == 2:
            found.append([np.subtract(*line) for line in lines])
        else:
            found.append([normal for loop in loops(lines) for normal in widest_fan(loop)])
    table = np.zeros((len(found), max(map(len, found)), dims))
    for code, of_pattern in enumerate(found):
        if of_pattern:
            table[code, : len(of_pattern)] = of_pattern
    return table


def corners(dims: int) -> list[Corner]:
    """The corners of a unit square or cube."""
    return list(itertools.product((0, 1), repeat=dims))


def faces(dims: int) -> list[list[Corner]]:
    """The corners of each face of a unit cube, or of the one face of a square, in order around it."""
    ring = [(0, 0), (0, 1), (1, 1), (1, 0)]
    if dims == 2:
        return [list(ring)]
    return [[(*at[:axis], side, *at[axis:]) for at in ring] for axis in range(3) for side in (0, 1)]


def crossing(ring: list[Corner], inner: set[Corner]) -> list[Segment]:
    """Return the segments in which the surface crosses a face; opposite inner corners are kept apart."""
    middles = []
    for i, corner in enumerate(ring):
        following = ring[(i + 1) % 4]
        crossed = (corner in inner) != (following in inner)
        middles.append(tuple((a + b) / 2 for a, b in zip(corner, following, strict=True)) if crossed else None)
    points = [point for point in middles if point is not None]
    if len(points) == 4:
        pairs = [(middles[i - 1], middles[i]) for i, corner in enumerate(ring) if corner in inner]
        return [(a, b) for a, b in pairs if a is not None and b is not None]
    return [(points[0], points[1])] if points else []


def loops(segments: list[Segment]) -> list[list[Point]]:
    """Join segments into closed lines."""
    neighbours: dict[Point, list[Point]] = {}
    for a, b in segments:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    found = []
    while neighbours:
        point = next(iter(neighbours))
        loop = []
        while point in neighbours:
            loop.append(point)
            ahead = neighbours.pop(point)
            point = next((other for other in ahead if other in neighbours), ahead[0])
        found.append(loop)
    return found


def widest_fan(loop: list[Point]) -> np.ndarray:
    """Return the normals, as long as the area, of the fan of triangles with the largest area: (points - 2, 3)."""
    fans = [fan(loop[i:] + loop[:i]) for i in range(len(loop))]
    return max(fans, key=lambda normals: round(float(np.linalg.norm(normals, axis=1).sum()), 9))


def fan(points: list[Point]) -> np.ndarray:
    """Return the normals of the triangles that join the first point to each side of a closed line."""
    from_first = np.subtract(points[1:], points[0])
    normals: np.ndarray = np.cross(from_first[:-1], from_first[1:]) / 2
    return normals
