"""One axial slice of a volume as it is shown: where the prediction differs most, at its true proportions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from segkit.contracts import IGNORE
from segkit.data.grid import nearest_indices

SMALLEST, LARGEST = 384, 640
"""Pixels of a picture's longer side."""
SOFT_TISSUE = (-160.0, 240.0)
"""Hounsfield units that are black and white: level 40, width 400."""


@dataclass(frozen=True)
class VolumeSlice:
    """An axial slice with square pixels, anterior up and the patient's left on the right, as radiologists look at it.

    Attributes:
        image: (H, W, 3) uint8.
        reference, prediction: (H, W) label maps, or (classes, H, W).
        where: "axial slice 17 of 35", counted from the feet.
    """

    image: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray
    where: str


def volume_slice(
    image: np.ndarray,
    reference: np.ndarray,
    prediction: np.ndarray,
    spacing: tuple[float, ...] | None,
    level: int | None = None,
) -> VolumeSlice:
    """Take a slice of a volume (C, D, H, W) in RAS orientation.

    Args:
        reference, prediction: label maps (D, H, W), or (classes, D, H, W).
        spacing: mm per voxel (D, H, W); None: square pixels.
        level: which slice, from 0; None for the one that tells most.
    """
    level = telling_level(reference, prediction) if level is None else level
    depth, *plane = reference.shape[-3:]
    size = display_size(tuple(plane), spacing)
    rows, columns = (nearest_indices(length, wanted) for length, wanted in zip(plane, size, strict=True))
    # Row 0 is posterior and column 0 left: both are turned round.
    down, right = np.ix_(rows[::-1], columns[::-1])
    grey = Image.fromarray(grey_values(image[0], level)[::-1, ::-1]).resize(size[::-1], Image.Resampling.BILINEAR)
    shown = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    where = f"axial slice {level + 1} of {depth}"
    masks = [mask[..., level, :, :][..., down, right] for mask in (reference, prediction)]
    return VolumeSlice(shown, masks[0], masks[1], where)


def telling_level(reference: np.ndarray, prediction: np.ndarray) -> int:
    """Return the slice with most voxels that differ; where none do, that with most foreground; else the middle one."""
    counted = reference != IGNORE
    differing = voxels_by_level((reference != prediction) & counted)
    if differing.any():
        return int(differing.argmax())
    foreground = voxels_by_level((reference > 0) & counted)
    return int(foreground.argmax()) if foreground.any() else reference.shape[-3] // 2


def voxels_by_level(marked: np.ndarray) -> np.ndarray:
    """Count what is marked in each slice of (D, H, W), or of (classes, D, H, W) in all classes together."""
    counts: np.ndarray = np.count_nonzero(marked.reshape(-1, *marked.shape[-3:]), axis=(0, 2, 3))
    return counts


def display_size(shape: tuple[int, ...], spacing: tuple[float, ...] | None) -> tuple[int, int]:
    """Return height and width in pixels of a slice (H, W) whose voxels become square: 384 to 640 on the longer side."""
    lengths = np.array(shape) * (np.array(spacing[1:]) if spacing is not None else 1.0)
    longest = min(max(SMALLEST, *shape), LARGEST)
    height, width = np.maximum(np.rint(lengths / lengths.max() * longest), 1).astype(int)
    return int(height), int(width)


def grey_values(volume: np.ndarray, level: int | slice) -> np.ndarray:
    """Return a slice of a volume (D, H, W), or several, as uint8.

    Hounsfield units, told by values under -500 such as air has, are shown in the soft tissue window. Else black to
    white is the 4th to the 99.5th percentile; voxels of the lowest twentieth of the range, mostly air, are left out of
    the percentiles.
    """
    looked_at = volume.reshape(-1)[:: max(1, volume.size // 2**20)].astype(np.float32)
    smallest, largest = float(looked_at.min()), float(np.percentile(looked_at, 99.5))
    low, high = SOFT_TISSUE
    if smallest > -500:
        inside = looked_at[looked_at > smallest + (largest - smallest) / 20]
        low, high = np.percentile(inside, (4, 99.5)) if inside.size else (smallest, smallest)
        low, high = (low, high) if high > low else (smallest, float(looked_at.max()))
    grey = (volume[level].astype(np.float32) - low) / max(float(high - low), 1e-6)
    result: np.ndarray = (np.clip(grey, 0, 1) * 255).astype(np.uint8)
    return result
