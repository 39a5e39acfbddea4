"""Moving image and mask together: rotation, scale, shift and a smooth deformation in one interpolation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from segkit.contracts import IGNORE
from segkit.data.draws import DEFORMATION, ROTATION, SCALE, SHIFT, TILT, WARP, Key, factor, generator, symmetric
from segkit.settings import Augment

INTERVALS = 4
"""The side of an image between the control points of a deformation, in intervals."""


def warp(
    images: torch.Tensor,
    masks: torch.Tensor,
    settings: Augment,
    draws: np.ndarray,
    keys: Sequence[Key],
    spacing: tuple[float, ...] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate, scale, shift and deform the samples whose turn it is, by one interpolation."""
    chosen = np.flatnonzero(draws[:, WARP] < settings.warp)
    asked = settings.rotation or settings.tilt or settings.scale or settings.shift or settings.elastic
    if not len(chosen) or not asked:
        return images, masks
    shape = tuple(masks.shape[1:])
    index = torch.from_numpy(chosen).to(images.device)
    matrices = affine(draws[chosen], settings, shape, spacing)
    grid = sampling_grid(matrices, shape, images.device)
    if settings.elastic:
        moves = [
            bend(matrix, deformation(keys[sample], settings.elastic, shape))
            for matrix, sample in zip(matrices, chosen.tolist(), strict=True)
        ]
        grid += torch.from_numpy(np.stack(moves)).to(images.device)
    every = len(chosen) == len(masks)
    taken = images if every else images[index]
    warped = functional.grid_sample(taken, grid, "bilinear", "zeros", align_corners=False)
    # Labels are moved up by one so that the zeros from outside are told from the background; exact in float32.
    labels = (masks if every else masks[index]).to(torch.float32).add_(1).unsqueeze(1)
    moved = functional.grid_sample(labels, grid, "nearest", "zeros", align_corners=False).squeeze(1).sub_(1)
    moved = moved.masked_fill_(moved < 0, IGNORE).to(masks.dtype)
    if every:
        return warped, moved
    return images.index_copy(0, index, warped), masks.index_copy(0, index, moved)


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


def sampling_grid(matrix: np.ndarray, shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Return the source positions (n, *S, dims) as torch's grid_sample takes them (align_corners=False)."""
    dims = len(shape)
    factors = torch.from_numpy(matrix.astype(np.float32)).to(device)
    offsets = []
    for axis, length in enumerate(shape):
        line = torch.arange(length, dtype=torch.float32, device=device) - (length - 1) / 2
        offsets.append(line.view(*[-1 if other == axis else 1 for other in range(dims)]))
    grid = torch.empty((len(matrix), *shape, dims), device=device)
    # Products and sums one by one, no matrix product: its last bits could depend on the number of samples.
    for axis, length in enumerate(shape):
        row = (factors[:, axis] * (2 / length)).view(len(matrix), dims + 1, *[1] * dims)
        partial = row[:, dims]
        for other in range(dims - 1):
            partial = partial + row[:, other] * offsets[other]
        torch.add(partial, row[:, dims - 1] * offsets[-1], out=grid[..., dims - 1 - axis])
    return grid


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
    """Return (*S, dims), float32: what a displacement before an affine map adds to `sampling_grid`."""
    dims, *shape = displacement.shape
    source = np.tensordot(matrix[:, :dims], displacement, axes=1) * (2 / np.array(shape)).reshape(dims, *[1] * dims)
    return np.ascontiguousarray(np.moveaxis(source[::-1], 0, -1), np.float32)


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
