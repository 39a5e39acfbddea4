"""Fill outlines: a pixel is inside where its centre is, by the even-odd rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AT_ONCE = 1 << 21
"""Crossings of edges and rows that are held at a time."""
MOST_CROSSINGS = 1 << 28
"""More of them take minutes: no outline that anybody drew has so many."""


@dataclass(frozen=True)
class Patch:
    """The pixels of a part of an image.

    Attributes:
        window: rows and columns of the image.
        inside: bool, of the window.
    """

    window: tuple[slice, slice]
    inside: np.ndarray

    @property
    def area(self) -> int:
        """How many pixels are inside."""
        return int(np.count_nonzero(self.inside))


class TooManyCornersError(ValueError):
    """An outline whose edges cross more rows than can be filled in reasonable time."""


def fill(points: np.ndarray, shape: tuple[int, int]) -> Patch:
    """Fill one closed outline; what lies outside of the image is cut off.

    Pillow's and OpenCV's polygons also take the pixels that an outline touches: 21 % too much of a 10 x 10 square.

    Args:
        points: (n, 2) float64, x and y in pixels; the first pixel is from (0, 0) to (1, 1), its centre (0.5, 0.5).
        shape: height and width of the image.

    Raises:
        TooManyCornersError: it cannot be filled in reasonable time.
    """
    height, width = shape
    top, bottom = _centres_from(points[:, 1], height)
    left, right = _centres_from(points[:, 0], width)
    window = slice(top, bottom), slice(left, right)
    # One column more than the window: what is crossed to its right.
    crossed = np.zeros((max(bottom - top, 0), max(right - left, 0) + 1), np.uint8)
    if crossed.size and crossed.shape[1] > 1:
        _cross(points, (top, left), crossed)
    inside = np.bitwise_xor.accumulate(crossed, axis=1)[:, :-1].astype(bool)
    return Patch(window, inside)


def windings(points: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    """Return how often a closed outline runs round the centre of each pixel of a part of an image, int32.

    By the even-odd rule a pixel is inside where the number is odd, by the other one where it is not 0: where they
    differ
    the outline crosses itself, and which pixels were meant is not known.

    Args:
        points: as of `fill`.
        window: rows and columns, with start and stop; what `fill` gives of a whole image is the same in every part.
    """
    rows, columns = window
    crossed = np.zeros((rows.stop - rows.start, columns.stop - columns.start + 1), np.int32)
    if crossed.size and crossed.shape[1] > 1:
        _cross(points, (rows.start, columns.start), crossed)
    found: np.ndarray = np.cumsum(crossed, axis=1, dtype=np.int32)[:, :-1]
    return found


def _centres_from(values: np.ndarray, length: int) -> tuple[int, int]:
    """First and last-but-one pixel of an axis whose centres can be inside."""
    low, high = np.clip(np.ceil(np.array([values.min(), values.max()]) - 0.5), 0, length).astype(int)
    return int(low), int(high)


def _cross(points: np.ndarray, origin: tuple[int, int], crossed: np.ndarray) -> None:
    """Mark, for each edge and each row whose centre it crosses, the first pixel whose centre is not left of it.

    Args:
        crossed: uint8, toggled; int32, counted up by edges that run down and down by those that run up.
    """
    top, left = origin
    rows, columns = crossed.shape
    # Every edge from its upper end on: two outlines that share one then cross each row at the same place.
    ends = np.stack([points, np.roll(points, -1, axis=0)])
    order = np.where(ends[0, :, 1] <= ends[1, :, 1], 0, 1)
    index = np.arange(len(points))
    (x0, y0), (x1, y1) = ends[order, index].T, ends[1 - order, index].T
    first, stop = (np.clip(np.ceil(y - 0.5), top, top + rows).astype(np.int64) for y in (y0, y1))
    ends_at = np.cumsum(stop - first)
    if ends_at[-1] > MOST_CROSSINGS:
        raise TooManyCornersError(f"its edges cross {ends_at[-1]:,} rows of pixels")
    start = 0
    while start < len(points):
        before = ends_at[start - 1] if start else 0
        stop_at = max(start + 1, int(np.searchsorted(ends_at, before + AT_ONCE)))
        part = slice(start, stop_at)
        counts = stop[part] - first[part]
        edge = np.repeat(np.arange(start, min(stop_at, len(points))), counts)
        row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
        x = x0[edge] + (row + 0.5 - y0[edge]) * ((x1 - x0)[edge] / (y1 - y0)[edge])
        column = np.clip(np.ceil(x - 0.5) - left, 0, columns - 1).astype(np.int64)
        if crossed.dtype == np.uint8:
            np.bitwise_xor.at(crossed, (row - top, column), 1)
        else:
            np.add.at(crossed, (row - top, column), 1 - 2 * order[edge])
        start = stop_at
