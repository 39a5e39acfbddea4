"""The grid a network works on in a volume: target spacing, coarse axes, neighbours, planes made when needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from segkit.data.grid import nearest_indices, triangle_weights
from segkit.errors import SegkitError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

VOLUME_MODES = ("slices", "slab", "patches")
"""Modes in which a network sees parts of a volume that stays whole everywhere else."""
TILES = "tiles"
"""The mode in which it sees parts of a photograph."""
PART_MODES = (*VOLUME_MODES, TILES)

ANISOTROPY = 3.0
"""Above this ratio of the coarsest spacing to the others, values are not interpolated along the coarse axis.

The ratio at which nnU-Net treats a volume as anisotropic (Isensee et al. 2021).
"""

MOST_VOXELS = 2**31
"""Of a volume's working grid: eight CTs of 512 x 512 x 1000. A header that leads to more is wrong."""


def coarse_axis(spacing: Sequence[float] | None) -> int | None:
    """Return the axis whose spacing is more than three times the median of the others, or None."""
    if spacing is None:
        return None
    axis = int(np.argmax(spacing))
    others = [length for other, length in enumerate(spacing) if other != axis]
    return axis if spacing[axis] > ANISOTROPY * float(np.median(others)) else None


def working_shape(
    shape: Sequence[int], spacing: Sequence[float] | None, target: Sequence[float] | None
) -> tuple[int, ...]:
    """Return the shape of a volume of `shape` and `spacing` (mm) once it is resampled to `target` (mm).

    Both grids span the same extent, so the resampled spacing is the target's up to the rounding of the shape.

    Raises:
        SegkitError: the grid would have more than MOST_VOXELS, so that one file's header does not take all memory.
    """
    if spacing is None or target is None:
        return tuple(shape)
    lengths = zip(shape, spacing, target, strict=True)
    size = tuple(max(1, round(count * own / wanted)) for count, own, wanted in lengths)
    if math.prod(size) > MOST_VOXELS:
        own, wanted = (" x ".join(f"{length:.4g}" for length in lengths) for lengths in (spacing, target))
        raise SegkitError(
            f"its voxels of {own} mm would become {' x '.join(map(str, size))} of {wanted} mm, too many",
            "is the spacing in its header right? else set a larger data.spacing",
        )
    return size


def neighbour_indices(depth: int, indices: Sequence[int] | np.ndarray, slab: int) -> np.ndarray:
    """Return, for each slice, the `slab` slices around it, (n, slab) int64; the first and the last are repeated."""
    offsets = np.arange(slab) - slab // 2
    found: np.ndarray = np.clip(np.asarray(indices, np.int64)[:, None] + offsets, 0, depth - 1)
    return found


def slab_input(slices: np.ndarray) -> np.ndarray:
    """Return gathered neighbours (n, slab, C, H, W) as the channels of a 2D network, (n, slab * C, H, W)."""
    return slices.reshape(len(slices), -1, *slices.shape[3:])


class WorkingPlanes:
    """A volume on another grid of the same extent, of which planes are made when they are asked for.

    The values are those of `resize_image` on the whole volume, but for the coarse axis, along which the nearest plane
    is taken.

    Attributes:
        size: the working grid.
    """

    def __init__(self, image: Any, size: Sequence[int], coarse: int | None = None) -> None:
        """Take an image (C, *S), in memory or read by parts; `coarse` is the axis of S that is not interpolated."""
        self.image = image
        self.size = tuple(size)
        lengths = image.shape[1:]
        self._weights: list[csr_array | None] = []
        for axis, (length, wanted) in enumerate(zip(lengths, self.size, strict=True)):
            same = length == wanted
            self._weights.append(
                None
                if same
                else nearest_weights(length, wanted)
                if axis == coarse
                else triangle_weights(length, wanted)
            )
        # The axis that shrinks most comes first: the others then have less to do.
        self._order = sorted(range(len(lengths)), key=lambda axis: self.size[axis] / lengths[axis])

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return planes start to stop along the first axis, (C, stop - start, *rest) of the image's dtype."""
        if start >= stop:  # before a volume that is smaller than a window, which is padded around it
            return np.empty((len(self.image), 0, *self.size[1:]), self.image.dtype)
        first = self._weights[0]
        if first is None:
            block, rows = np.asarray(self.image[:, start:stop]), None
        else:
            rows = first[start:stop]
            low, high = int(rows.indices.min()), int(rows.indices.max()) + 1
            block, rows = self.image[:, low:high], rows[:, low:high]
        weights = [rows, *self._weights[1:]]
        if all(matrix is None for matrix in weights):
            return block
        planes = np.empty((len(block), stop - start, *self.size[1:]), self.image.dtype)
        for source, target in zip(block, planes, strict=True):
            values = source.astype(np.float32)
            for axis in self._order:
                values = _along(weights[axis], values, axis)
            target[...] = values if planes.dtype == np.float32 else _rounded(values, planes.dtype)
        return planes


def nearest_weights(length: int, size: int) -> csr_array:
    """Return the (size, length) matrix that picks the nearest of `length` planes."""
    from scipy.sparse import csr_array

    ones = np.ones(size, np.float32)
    return csr_array((ones, (np.arange(size), nearest_indices(length, size))), shape=(size, length))


def _along(weights: csr_array | None, values: np.ndarray, axis: int) -> np.ndarray:
    if weights is None:
        return values
    front = np.moveaxis(values, axis, 0)
    resized = np.asarray(weights @ front.reshape(len(front), -1))
    return np.moveaxis(resized.reshape(len(resized), *front.shape[1:]), 0, axis)


def _rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    limits = np.iinfo(dtype)
    rounded: np.ndarray = np.clip(np.rint(values), limits.min, limits.max)
    return rounded
