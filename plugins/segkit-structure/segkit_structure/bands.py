"""The inner band along an outline: what of a class lies near its outside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def overlap(predicted: np.ndarray, reference: np.ndarray, how: str, spacing: Sequence[float]) -> np.ndarray:
    """Count the voxels of both bands.

    Args:
        predicted, reference: bool (*S), one class in a box that holds all of it; beyond it everything is outside.
        how: "mm:WIDTH" or "steps:WIDTH".
        spacing: mm per voxel and axis.

    Returns:
        float64 (3,): in both bands, in the prediction's, in the mask's.
    """
    kind, _, width = how.partition(":")
    bands = [band(side, kind, float(width), spacing) for side in (predicted, reference)]
    counts = (bands[0] & bands[1], *bands)
    return np.array([np.count_nonzero(marked) for marked in counts], dtype=np.float64)


def band(inside: np.ndarray, kind: str, width: float, spacing: Sequence[float]) -> np.ndarray:
    """Return what of a class lies within the width of its outside, bool (*S)."""
    from scipy import ndimage

    padded = np.pad(inside, 1)
    core = (slice(1, -1),) * inside.ndim
    if not inside.any():
        return inside
    if kind == "mm":
        near: np.ndarray = ndimage.distance_transform_edt(padded, sampling=tuple(spacing)) <= width
    else:
        # As many erosions by a 3 x 3 (x 3) square as there are steps leave what is farther away by the largest axis.
        near = ndimage.distance_transform_cdt(padded, metric="chessboard") <= round(width)
    found: np.ndarray = inside & near[core]
    return found
