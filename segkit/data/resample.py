"""Images and masks on another grid of the same extent."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from segkit.data.grid import nearest_indices, triangle_weights
from segkit.data.large_array import BAND, LargeArray, is_large
from segkit.data.working_grid import WorkingPlanes


def resize_image(image: Any, size: tuple[int, ...]) -> np.ndarray:
    """Resample an image (C, *S), in memory or not, to (C, *size): linear, with antialiasing where it shrinks.

    The dtype stays: uint8 and int16 are rounded, float32 is not. 2D by Pillow's BILINEAR, channel by channel; 3D by the
    same filter along each axis.
    """
    if is_large(image):
        return _resize_large(image, size)
    if image.shape[1:] == tuple(size):
        same: np.ndarray = image
        return same
    resize = _resize_plane if len(size) == 2 else _resize_volume
    resized = np.empty((len(image), *size), image.dtype)
    for channel, target in zip(image, resized, strict=True):
        values = resize(channel, size)
        target[...] = _rounded(values, image.dtype) if values.dtype != image.dtype else values
    return resized


def resize_mask(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Resample a mask (*S) to `size`: the label at each new pixel's centre, so that no label is ever mixed."""
    if mask.shape == tuple(size):
        return mask
    axes = [nearest_indices(length, wanted) for length, wanted in zip(mask.shape, size, strict=True)]
    resized: np.ndarray = mask[np.ix_(*axes)]
    return resized


def _resize_plane(plane: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    source = plane if plane.dtype == np.uint8 else plane.astype(np.float32)
    height, width = size
    return np.asarray(Image.fromarray(source).resize((width, height), Image.Resampling.BILINEAR))


def _resize_large(image: LargeArray, size: tuple[int, ...]) -> np.ndarray:
    """Resample an image that is not held, a few rows of it at a time; values are rounded once, not after each axis."""
    planes = WorkingPlanes(image, size)
    step = max(1, BAND * size[0] // image.shape[1])
    parts = [planes.read(start, min(start + step, size[0])) for start in range(0, size[0], step)]
    return np.concatenate(parts, axis=1)


def _resize_volume(volume: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    values = volume.astype(np.float32)
    # The axis that shrinks most comes first: the others then have less to do.
    for axis in sorted(range(volume.ndim), key=lambda axis: size[axis] / volume.shape[axis]):
        if size[axis] == values.shape[axis]:
            continue
        front = np.moveaxis(values, axis, 0)
        rest = front.shape[1:]
        resized = triangle_weights(len(front), size[axis]) @ front.reshape(len(front), -1)
        values = np.moveaxis(np.asarray(resized).reshape(size[axis], *rest), 0, axis)
    return values


def _rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    limits = np.iinfo(dtype)
    rounded: np.ndarray = np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return rounded
