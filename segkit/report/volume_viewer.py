"""Volumes to scroll through on the page: cropped, in 8 bits, compressed, so that the one file stays small."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.label_png import colours_of
from segkit.report.volume_pictures import grey_values

MARGIN = 16
"""Voxels of the surroundings that are shown beside what is marked."""
MOST_VOXELS = 3_000_000
"""Of one volume; a larger one is shown more coarsely. Five volumes come to 20 MB at most as text (issue 26)."""


@dataclass(frozen=True)
class ShownVolume:
    """A volume as the page holds it, axes D (from inferior), H (from posterior), W (from left).

    Attributes:
        image, reference, prediction: (D, H, W) uint8.
        spacing: mm per shown voxel.
        where: what is left out of it, in words.
    """

    image: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray
    spacing: tuple[float, ...]
    where: str


def shown_volume(
    image: np.ndarray, reference: np.ndarray, prediction: np.ndarray, spacing: Sequence[float] | None
) -> ShownVolume | None:
    """Cut out what is marked with its surroundings; None for classes that overlap, which have no one colour a voxel.

    Args:
        image: (C, D, H, W); the first channel is shown.
        reference, prediction: (D, H, W) label maps.
    """
    if reference.ndim != 3:
        return None
    part = surroundings(reference, prediction)
    size = math.prod(piece.stop - piece.start for piece in part)
    step = max(1, math.ceil((size / MOST_VOXELS) ** (1 / 3)))
    part = tuple(slice(piece.start, piece.stop, step) for piece in part)
    grey = np.ascontiguousarray(grey_values(image[0], part[0])[:, part[1], part[2]])
    known = (1.0, 1.0, 1.0) if spacing is None else tuple(spacing)
    whole = all(piece.stop - piece.start == side for piece, side in zip(part, reference.shape, strict=True))
    where = ", ".join([*([] if whole else ["cut to what is marked"]), *([f"every {step}th voxel"] if step > 1 else [])])
    masks = [np.ascontiguousarray(mask[part], np.uint8) for mask in (reference, prediction)]
    return ShownVolume(grey, masks[0], masks[1], tuple(value * step for value in known), where)


def surroundings(reference: np.ndarray, prediction: np.ndarray) -> tuple[slice, ...]:
    """Return the box around what either marks, with a margin; the whole where nothing is marked."""
    marked = (reference > 0) | (prediction > 0)
    found = []
    for axis, side in enumerate(marked.shape):
        inside = np.flatnonzero(marked.any(axis=tuple(other for other in range(3) if other != axis)))
        low, high = (inside[0], inside[-1] + 1) if inside.size else (0, side)
        found.append(slice(max(0, int(low) - MARGIN), min(side, int(high) + MARGIN)))
    return tuple(found)


def colours(volume: ShownVolume) -> list[str]:
    """Return the colours of a volume's labels, "#rrggbb", from label 1 on."""
    marked = [mask[mask != IGNORE].max(initial=1) for mask in (volume.reference, volume.prediction)]
    values = colours_of(int(max(marked)) + 1)
    return ["#{:02x}{:02x}{:02x}".format(*values[3 * label : 3 * label + 3]) for label in range(1, len(values) // 3)]


def packed(values: np.ndarray) -> str:
    """Return bytes as the page's script unpacks them: deflate in base64."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 9)).decode("ascii")
