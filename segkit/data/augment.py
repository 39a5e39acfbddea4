"""Random changes of a batch, each sample's from (seed, epoch, case index) alone.

What a sample becomes does not depend on the batch it is in, on the number of workers or on the other options: every
option has its own numbers among a sample's draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from segkit.data.draws import (
    BRIGHTNESS,
    COLOUR,
    CONTRAST,
    FLIP,
    NOISE,
    NOISE_VALUES,
    SATURATION,
    TRANSPOSE,
    Key,
    draw,
    factor,
    generator,
    symmetric,
)
from segkit.data.normalize import Normalization, channel_means
from segkit.data.warp import warp
from segkit.settings import Augment

Box = tuple[slice, ...]

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
    """Change colours, normalise, add noise, then mirror and warp image and mask together.

    Flips and transposes are exact. A warp interpolates the image linearly and takes the mask by nearest neighbour; what
    it brings in from outside is 0 in the normalised image and 255 in the mask. Without the smooth deformation it is
    rigid up to its scale: on the grid itself, or in mm where `spacing` is given. Factors are (1 + range) ** u with u
    uniform in -1 to 1.

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
    images = add_noise(images, settings, draws, keys)
    images, masks = mirror(blank(images, inside), masks, settings, draws)
    images, masks = warp(images, masks, settings, draws, keys, spacing)
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


def recolour(
    images: torch.Tensor, settings: Augment, draws: np.ndarray, limits: tuple[float, float] | None
) -> torch.Tensor:
    """Change brightness, contrast, saturation and colour, in this order."""
    # All of it is one affine map of a pixel's value and its grey: one pass over the images, not one per option.
    if not (settings.brightness or settings.contrast or settings.saturation or settings.colour):
        return images
    channels = images.shape[1]
    brightness = settings.brightness * symmetric(draws[:, BRIGHTNESS, None])
    contrast = factor(settings.contrast, draws[:, CONTRAST, None])
    colour = factor(settings.colour, draws[:, COLOUR : COLOUR + channels])
    has_grey = settings.saturation > 0 and channels == len(LUMA)
    saturation = factor(settings.saturation if has_grey else 0, draws[:, SATURATION, None])
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


def add_noise(images: torch.Tensor, settings: Augment, draws: np.ndarray, keys: Sequence[Key]) -> torch.Tensor:
    """Add independent Gaussian noise, its deviation uniform between 0 and the largest."""
    if not settings.noise:
        return images
    shape = tuple(images.shape[1:])
    noise = np.stack([generator(key, NOISE_VALUES).standard_normal(shape, np.float32) for key in keys])
    deviation = _per_sample(settings.noise * draws[:, NOISE], images)
    return torch.addcmul(images, torch.from_numpy(noise).to(images.device), deviation)


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


def _per_sample(values: np.ndarray, images: torch.Tensor) -> torch.Tensor:
    """Return values (N,) or (N, C) in a shape that broadcasts over images (N, C, *S)."""
    tensor = torch.from_numpy(values.astype(np.float32)).to(images.device)
    return tensor.view(len(images), -1, *[1] * (images.ndim - 2))
