"""What is shown of an image too large for a page: the whole, shrunk, and its worst parts at full resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.grid import nearest_indices
from segkit.data.large_array import is_large, let_go
from segkit.data.resample import resize_image, resize_mask

MOST_SHOWN = 2**24
"""Pixels up to which a photograph is looked at as a whole."""
LONGEST = 1280
"""Pixels of the longer side of the whole once it is shrunk."""
REGION = 512
"""Pixels of a part's side."""
REGIONS = 2
"""Parts that are shown of a case."""


@dataclass(frozen=True)
class Part:
    """The whole or a part of an image.

    Attributes:
        image: (C, H, W).
        reference, prediction: label maps (H, W), or (classes, H, W).
        where: in words; how much of what differs.
    """

    image: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray
    where: str


def too_large(image: Any) -> bool:
    """Whether an image (C, H, W) is shown shrunk and in parts."""
    return is_large(image) or image[0].size > MOST_SHOWN


def whole_shown(image: Any, reference: Any, prediction: Any) -> Part:
    """Return the whole, shrunk to LONGEST."""
    height, width = image.shape[-2:]
    scale = min(1.0, LONGEST / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    where = f"all of its {height:,} x {width:,} pixels, shrunk" if scale < 1 else ""
    return Part(resize_image(image, size), nearest(reference, size), nearest(prediction, size), where)


def parts_shown(image: Any, reference: Any, prediction: Any) -> list[Part]:
    """Return the whole, shrunk, and the parts of it in which most pixels differ.

    Args:
        image, reference, prediction: in memory or not.
    """
    found = [whole_shown(image, reference, prediction)]
    if found[0].image.shape == image.shape:
        return found
    for rows, columns, count in worst_regions(reference, prediction):
        place = (slice(None), rows, columns)
        where = f"rows {rows.start:,} to {rows.stop:,}, columns {columns.start:,} to {columns.stop:,}, {count:,} differ"
        cut = (..., rows, columns)
        found.append(Part(np.asarray(image[place]), np.asarray(reference[cut]), np.asarray(prediction[cut]), where))
    return found


def nearest(mask: Any, size: tuple[int, int]) -> np.ndarray:
    """Return a label map with the label at the centre of each of `size` pixels."""
    if not is_large(mask):
        return np.stack([resize_mask(plane, size) for plane in mask]) if mask.ndim == 3 else resize_mask(mask, size)
    height, width = mask.shape[-2:]
    rows, columns = (nearest_indices(length, side) for length, side in zip((height, width), size, strict=True))
    return np.stack([mask[..., row, :][..., columns] for row in rows.tolist()], axis=-2)


def worst_regions(reference: Any, prediction: Any) -> list[tuple[slice, slice, int]]:
    """Return the parts in which most counted pixels differ, the worst first, and how many do."""
    height, width = reference.shape[-2:]
    side = min(REGION, height, width)
    counts = np.zeros((-(-height // side), -(-width // side)), np.int64)
    for row, top in enumerate(range(0, height, side)):
        band = (..., slice(top, min(top + side, height)), slice(None))
        here, there = np.asarray(reference[band]), np.asarray(prediction[band])
        differs = (here != there) & (here != IGNORE)
        differs = differs if differs.ndim == 2 else differs.any(axis=0)
        counts[row] = np.add.reduceat(differs.sum(axis=0), np.arange(0, width, side))
        let_go(prediction)
    order = np.argsort(-counts, axis=None, kind="stable")[:REGIONS]
    found = []
    for place in order.tolist():
        row, column = divmod(place, counts.shape[1])
        top, left = min(row * side, height - side), min(column * side, width - side)
        if counts[row, column]:
            found.append((slice(top, top + side), slice(left, left + side), int(counts[row, column])))
    return found
