"""Random changes of a batch, each sample's from (seed, epoch, case index) alone: see `changes` for what is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional

from segkit.contracts import IGNORE
from segkit.data.changes import LUMA, Changes
from segkit.data.normalize import Normalization

Box = tuple[slice, ...]


def augment(
    images: torch.Tensor,
    masks: torch.Tensor,
    changes: Changes,
    normalization: Normalization,
    *,
    limits: tuple[float, float] | None = (0.0, 1.0),
    moments: tuple[torch.Tensor, ...] | None = None,
    inside: Sequence[Box | None] = (),
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change colours, normalise, add noise, then mirror and warp image and mask together.

    Flips and transposes of samples that are not warped are exact. A warp interpolates the image linearly and takes the
    mask by nearest neighbour; what it brings in from outside is 0 in the normalised image and 255 in the mask.

    Args:
        images: float32 (N, C, *S), not yet normalised; left as they are.
        masks: integers (N, *S), or (N, classes, *S) where these overlap, of a type that holds 255.
        changes: on the device of both.
        limits: range that changed colours are clamped to; None for images without natural limits, whose intensities are
            changed once they are normalised.
        moments: of the volumes that the images are parts of, as `Normalization.apply` takes them.
        inside: of each image the part that is not padding, which becomes 0; empty where there is none.

    Returns:
        Normalised images (N, C, *S) and masks int64, of the shape they had.
    """
    return augment_with(images, masks, {}, changes, normalization, limits=limits, moments=moments, inside=inside)[:2]


def augment_with(
    images: torch.Tensor,
    masks: torch.Tensor,
    maps: Mapping[str, torch.Tensor],
    changes: Changes,
    normalization: Normalization,
    *,
    limits: tuple[float, float] | None = (0.0, 1.0),
    moments: tuple[torch.Tensor, ...] | None = None,
    inside: Sequence[Box | None] = (),
) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """As `augment`, and move maps (N, M, *S) with the images, their values interpolated and not changed otherwise."""
    if limits is None:
        images = recolour(normalization.apply(images, moments), changes, None)
    else:
        images = normalization.apply(recolour(images, changes, limits), moments)
    if changes.noise is not None:
        images = images + changes.noise
    images = blank(images, inside)
    channels = [images.shape[1], *(found.shape[1] for found in maps.values())]
    if maps:
        images = torch.cat([images, *maps.values()], dim=1)
    images, masks = mirror(images, masks, changes)
    images, masks = warp(images, masks, changes)
    images, *moved = images.split(channels, dim=1) if maps else (images,)
    return images, masks.long(), dict(zip(maps, moved, strict=True))


def blank(images: torch.Tensor, inside: Sequence[Box | None]) -> torch.Tensor:
    """Return images that are 0 outside of the given boxes; None: an image that stays as it is."""
    if all(box is None for box in inside):
        return images
    blanked = torch.zeros_like(images)
    for image, box, place in zip(images, inside, blanked, strict=True):
        kept = (slice(None), *(box or ()))
        place[kept] = image[kept]
    return blanked


def recolour(images: torch.Tensor, changes: Changes, limits: tuple[float, float] | None) -> torch.Tensor:
    """Apply the one map of a pixel, its grey and the image's mean that all changes of colours are."""
    if changes.pixel is None or changes.added is None:
        return images
    spatial = [1] * (images.ndim - 2)
    offset = changes.added.view(*changes.added.shape, *spatial)
    if changes.mean is not None:
        # How a sum over a whole batch is split among threads depends on the batch's size; over one image it does not.
        means = torch.stack([image.mean() for image in images]).view(-1, 1, *spatial)
        offset = torch.addcmul(offset, means, changes.mean.view_as(offset))
    changed = torch.addcmul(offset, images, changes.pixel.view_as(offset))
    if changes.grey is not None:
        red, green, blue = (images[:, channel : channel + 1] for channel in range(3))
        grey = (LUMA[0] * red).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])
        changed.addcmul_(grey, changes.grey.view_as(offset))
    return changed if limits is None else changed.clamp_(*limits)


def mirror(images: torch.Tensor, masks: torch.Tensor, changes: Changes) -> tuple[torch.Tensor, torch.Tensor]:
    """Flip axes and swap the last two, without any interpolation."""
    if not (changes.flips.any() or changes.swapped.any()):
        return images, masks
    images, masks = images.clone(), masks.clone()
    for image, mask, flips, swapped in zip(images, masks, changes.flips, changes.swapped, strict=True):
        axes = [axis - len(flips) for axis in np.flatnonzero(flips).tolist()]
        for part in (image, mask):
            turned = part.flip(axes)
            part.copy_(turned.transpose(-1, -2) if swapped else turned)
    return images, masks


def warp(images: torch.Tensor, masks: torch.Tensor, changes: Changes) -> tuple[torch.Tensor, torch.Tensor]:
    """Take every pixel of the warped samples from where it comes from, by one interpolation."""
    if not changes.warped.any():
        return images, masks
    index = None if changes.warped.all() else torch.from_numpy(np.flatnonzero(changes.warped)).to(images.device)

    def chosen(values: torch.Tensor) -> torch.Tensor:
        return values if index is None else values[index]

    grid = sampling_grid(chosen(changes.positions), tuple(images.shape[2:]))
    if changes.bends is not None:
        grid = grid + changes.bends
    grid = grid.movedim(1, -1)
    warped = functional.grid_sample(chosen(images), grid, "bilinear", "zeros", align_corners=False)
    # Labels are moved so that the zeros from outside become 255; exact in float32.
    labels = chosen(masks).to(torch.float32).sub_(IGNORE)
    planes = labels if labels.ndim == images.ndim else labels.unsqueeze(1)
    moved = functional.grid_sample(planes, grid, "nearest", "zeros", align_corners=False).add_(IGNORE)
    moved = moved.reshape(labels.shape)
    if index is None:
        return warped, moved.long()
    return images.index_copy(0, index, warped), masks.index_copy(0, index, moved.to(masks.dtype))


def sampling_grid(positions: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return where each pixel is taken from (n, dims, *S), summed over the axes."""
    lines = [
        line.reshape(*line.shape[:2], *[-1 if other == axis else 1 for other in range(len(shape))])
        for axis, line in enumerate(positions.split(shape, dim=-1))
    ]
    grid: torch.Tensor = lines[0]
    # Sums one by one, no matrix product: its last bits could depend on the number of samples.
    for line in lines[1:]:
        grid = grid + line
    return grid
