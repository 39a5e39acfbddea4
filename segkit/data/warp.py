"""Where the pixels of a warped image come from: rotation, scale, shift, mirroring and a smooth deformation in one."""

from __future__ import annotations

import numpy as np

from segkit.data.draws import DEFORMATION, ROTATION, SCALE, SHIFT, TILT, Key, factor, generator, symmetric
from segkit.settings import Augment

INTERVALS = 4
"""The side of an image between the control points of a deformation, in intervals."""


def affine(
    draws: np.ndarray, settings: Augment, shape: tuple[int, ...], spacing: tuple[float, ...] | None = None
) -> np.ndarray:
    """Return (n, dims, dims + 1) matrices from an output pixel's offset from the centre to the source's, in pixels.

    Axes are those of `shape`, in its order. In volumes the rotation is about the first axis, after the tilts about the
    two others.
    """
    dims = len(shape)
    planes = [(-2, -1, settings.rotation, ROTATION)]
    if dims == 3:
        planes += [(-3, -2, settings.tilt, TILT[0]), (-3, -1, settings.tilt, TILT[1])]
    turned = np.tile(np.eye(dims), (len(draws), 1, 1))
    for first, second, limit, place in planes:
        if limit:
            turned = turned @ rotation(np.deg2rad(limit) * symmetric(draws[:, place]), dims, first, second)
    if spacing is not None:
        # From voxels to mm, turned there, and back.
        turned = turned * np.asarray(spacing) / np.asarray(spacing)[:, None]
    matrix = np.zeros((len(draws), dims, dims + 1))
    matrix[:, :, :-1] = turned / factor(settings.scale, draws[:, SCALE])[:, None, None]
    for axis, length in enumerate(shape):
        matrix[:, axis, -1] = settings.shift * length * symmetric(draws[:, SHIFT[dims - 1 - axis]])
    return matrix


def rotation(angle: np.ndarray, dims: int, first: int, second: int) -> np.ndarray:
    """Return (n, dims, dims) rotations by angles (n,) in the plane of two axes."""
    matrix = np.tile(np.eye(dims), (len(angle), 1, 1))
    matrix[:, first, first] = matrix[:, second, second] = np.cos(angle)
    matrix[:, first, second], matrix[:, second, first] = np.sin(angle), -np.sin(angle)
    return matrix


def mirrored(matrices: np.ndarray, flips: np.ndarray, swapped: np.ndarray) -> np.ndarray:
    """Return a warp's maps of images whose axes were flipped (n, dims) and then, of some (n,), the last two swapped."""
    turned = matrices.copy()
    turned[swapped, -2], turned[swapped, -1] = matrices[swapped, -1], matrices[swapped, -2]
    turned[flips] *= -1
    return turned


def source_positions(matrices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return (n, dims, sum of S), float32: what each place along each axis adds to where pixels are taken from.

    Summed over the axes it is the grid of torch's grid_sample (align_corners=False), whose coordinates begin with the
    last axis and run from -1 to 1.
    """
    lines = [matrices[:, :, axis, None] * (np.arange(length) - (length - 1) / 2) for axis, length in enumerate(shape)]
    lines[0] += matrices[:, :, -1:]
    scaled = np.concatenate(lines, axis=-1) * (2 / np.array(shape))[:, None]
    return np.ascontiguousarray(scaled[:, ::-1], np.float32)


def deformation(key: Key, elastic: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return a smooth random displacement (dims, *S) in pixels, that of each pixel of a warp's output.

    A cubic B-spline of control points moved by at most `elastic` of their distance along each axis; up to 0.4 it folds
    nowhere. Source: Rueckert et al. 1999 (IEEE TMI 18), section II-B; Choi and Lee 2000 (Graphical Models 62) for the
    bound.
    """
    dims, points = len(shape), INTERVALS + 3
    moved = symmetric(generator(key, DEFORMATION).random((dims, *[points] * dims))) * elastic
    for length in shape:
        moved = np.tensordot(moved, spline_weights(length), axes=(1, 1))
    return moved * (np.array(shape) / INTERVALS).reshape(dims, *[1] * dims)


def bend(matrix: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Return (dims, *S), float32: what a displacement before an affine map adds to the sum of `source_positions`."""
    dims, *shape = displacement.shape
    source = np.tensordot(matrix[:, :dims], displacement, axes=1) * (2 / np.array(shape)).reshape(dims, *[1] * dims)
    return np.ascontiguousarray(source[::-1], np.float32)


def spline_weights(length: int) -> np.ndarray:
    """Return the weights (length, INTERVALS + 3) of the control points at each pixel's centre."""
    position = (np.arange(length) + 0.5) / length * INTERVALS
    interval = np.floor(position).astype(int)
    within = position - interval
    pieces = (
        (1 - within) ** 3,
        3 * within**3 - 6 * within**2 + 4,
        -3 * within**3 + 3 * within**2 + 3 * within + 1,
        within**3,
    )
    weights = np.zeros((length, INTERVALS + 3))
    for place, piece in enumerate(pieces):
        weights[np.arange(length), interval + place] = piece / 6
    return weights
