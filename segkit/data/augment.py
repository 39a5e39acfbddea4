"""Random changes of a batch, each sample's from (seed, epoch, case index) alone.

What a sample becomes does not depend on the batch it is in, on the number of workers or on the other options: every
option has its own numbers among a sample's draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from segkit.contracts import IGNORE
from segkit.data.normalize import Normalization, channel_means
from segkit.settings import Augment

Key = tuple[int, int, int]
"""(seed, epoch, case index)"""
Box = tuple[slice, ...]

# The place of each option among a sample's draws; stored results depend on it.
FLIP = (0, 1, 2)  # last axis, the one before it, the one before that
TRANSPOSE, WARP, ROTATION, SCALE = 3, 4, 5, 6
SHIFT = (7, 8, 9)  # axes as for FLIP
BRIGHTNESS, CONTRAST, SATURATION = 10, 11, 12
TILT = (13, 14)  # about the last axis, about the one before it
COLOUR = 16  # one for each channel from here on

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


def augment(
    images: torch.Tensor,
    masks: torch.Tensor,
    settings: Augment,
    normalization: Normalization,
    keys: Sequence[Key],
    *,
    limits: tuple[float, float] | None = (0.0, 1.0),
    moments: tuple[torch.Tensor, torch.Tensor] | None = None,
    inside: Sequence[Box | None] = (),
    spacing: tuple[float, ...] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change colours, normalise, then mirror and warp image and mask together.

    Flips and transposes are exact. A warp interpolates the image linearly and takes the mask by nearest neighbour; what
    it brings in from outside is 0 in the normalised image and 255 in the mask. It is rigid up to its scale: on the grid
    itself, or in mm where `spacing` is given. Factors are (1 + range) ** u with u uniform in -1 to 1.

    Args:
        images: float32 (N, C, *S), not yet normalised; left as they are.
        masks: integers (N, *S), of a type that holds 255.
        keys: (seed, epoch, case index) of each sample.
        limits: range that changed colours are clamped to; None for images without natural limits, whose intensities are
            changed once they are normalised.
        moments: of the volumes that the images are parts of, as `Normalization.apply` takes them.
        inside: of each image the part that is not padding, which becomes 0; empty where there is none.
        spacing: mm per voxel along each axis of S.

    Returns:
        Normalised images (N, C, *S) and masks (N, *S) int64.
    """
    draws = draw(keys, images.shape[1])
    if limits is None:
        images = recolour(normalization.apply(images, moments), settings, draws, None)
    else:
        images = normalization.apply(recolour(images, settings, draws, limits), moments)
    images, masks = mirror(blank(images, inside), masks, settings, draws)
    images, masks = warp(images, masks, settings, draws, spacing)
    return images, masks.long()


def blank(images: torch.Tensor, inside: Sequence[Box | None]) -> torch.Tensor:
    """Return images that are 0 outside of the given boxes; None: an image that stays as it is."""
    if all(box is None for box in inside):
        return images
    blanked = torch.zeros_like(images)
    for image, box, place in zip(images, inside, blanked, strict=True):
        kept = (slice(None), *(box or ()))
        place[kept] = image[kept]
    return blanked


def draw(keys: Sequence[Key], channels: int) -> np.ndarray:
    """Return the uniform numbers in [0, 1) of each sample, (N, COLOUR + channels)."""
    return np.stack([generator(key).random(COLOUR + channels) for key in keys])


def generator(key: Key) -> np.random.Generator:
    """Return a sample's own source of randomness."""
    # The spawn key keeps it apart from the source of the epoch's order (batches.py).
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key, spawn_key=(1,))))


def recolour(
    images: torch.Tensor, settings: Augment, draws: np.ndarray, limits: tuple[float, float] | None
) -> torch.Tensor:
    """Change brightness, contrast, saturation and colour, in this order."""
    # All of it is one affine map of a pixel's value and its grey: one pass over the images, not one per option.
    if not (settings.brightness or settings.contrast or settings.saturation or settings.colour):
        return images
    channels = images.shape[1]
    brightness = settings.brightness * _symmetric(draws[:, BRIGHTNESS, None])
    contrast = _factor(settings.contrast, draws[:, CONTRAST, None])
    colour = _factor(settings.colour, draws[:, COLOUR : COLOUR + channels])
    has_grey = settings.saturation > 0 and channels == len(LUMA)
    saturation = _factor(settings.saturation if has_grey else 0, draws[:, SATURATION, None])
    offset = _per_sample(brightness, images)
    if settings.contrast:
        offset = offset + channel_means(images).mean(1, keepdim=True) * _per_sample(1 - contrast, images)
    offset = offset * _per_sample(colour, images)
    changed = torch.addcmul(offset, images, _per_sample(colour * saturation * contrast, images))
    if has_grey:
        red, green, blue = (images[:, channel : channel + 1] for channel in range(3))
        grey = (LUMA[0] * red).add_(LUMA[1] * green).add_(LUMA[2] * blue)
        changed.addcmul_(grey, _per_sample(colour * (1 - saturation) * contrast, images))
    return changed if limits is None else changed.clamp_(*limits)


def mirror(
    images: torch.Tensor, masks: torch.Tensor, settings: Augment, draws: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flip axes and swap the last two, without any interpolation."""
    if not (settings.flip or settings.transpose):
        return images, masks
    square = masks.shape[-1] == masks.shape[-2]
    turned_images, turned_masks = torch.empty_like(images), torch.empty_like(masks)
    for image, mask, row, image_place, mask_place in zip(
        images, masks, draws, turned_images, turned_masks, strict=True
    ):
        axes = [-1 - axis for axis in range(mask.ndim) if row[FLIP[axis]] < settings.flip]
        pair = (image.flip(axes), mask.flip(axes)) if axes else (image, mask)
        if square and row[TRANSPOSE] < settings.transpose:
            pair = pair[0].transpose(-1, -2), pair[1].transpose(-1, -2)
        image_place.copy_(pair[0])
        mask_place.copy_(pair[1])
    return turned_images, turned_masks


def warp(
    images: torch.Tensor,
    masks: torch.Tensor,
    settings: Augment,
    draws: np.ndarray,
    spacing: tuple[float, ...] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate, scale and shift the samples whose turn it is, by one interpolation."""
    chosen = np.flatnonzero(draws[:, WARP] < settings.warp)
    if not len(chosen) or not (settings.rotation or settings.tilt or settings.scale or settings.shift):
        return images, masks
    shape = tuple(masks.shape[1:])
    index = torch.from_numpy(chosen).to(images.device)
    every = len(chosen) == len(masks)
    grid = sampling_grid(affine(draws[chosen], settings, shape, spacing), shape, images.device)
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
            turned = turned @ rotation(np.deg2rad(limit) * _symmetric(draws[:, place]), dims, first, second)
    if spacing is not None:
        # From voxels to mm, turned there, and back.
        turned = turned * np.asarray(spacing) / np.asarray(spacing)[:, None]
    matrix = np.zeros((len(draws), dims, dims + 1))
    matrix[:, :, :-1] = turned / _factor(settings.scale, draws[:, SCALE])[:, None, None]
    for axis, length in enumerate(shape):
        matrix[:, axis, -1] = settings.shift * length * _symmetric(draws[:, SHIFT[dims - 1 - axis]])
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


def _symmetric(uniform: np.ndarray) -> np.ndarray:
    return 2 * uniform - 1


def _factor(limit: float, uniform: np.ndarray) -> np.ndarray:
    return (1 + limit) ** _symmetric(uniform)


def _per_sample(values: np.ndarray, images: torch.Tensor) -> torch.Tensor:
    """Return values (N,) or (N, C) in a shape that broadcasts over images (N, C, *S)."""
    tensor = torch.from_numpy(values.astype(np.float32)).to(images.device)
    return tensor.view(len(images), -1, *[1] * (images.ndim - 2))
