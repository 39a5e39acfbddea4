"""What a store notes of an image that may be larger than memory: its moments, its range, a part of its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from segkit.data.intensities import STD_FLOOR, Moments, case_moments
from segkit.data.large_array import bands, is_large

KEPT = 2**18
"""Values of a channel that are kept, evenly spread over rows and columns: what quantiles are taken of."""


@dataclass(frozen=True)
class Survey:
    """What is known of an image once it was read from its first row to its last.

    Attributes:
        moments: mean and deviation per channel, in the unit that networks are given values in.
        low, high: smallest and largest value (C,) float64, in the file's unit.
        values: (C, n) of the file's type, evenly spread.
    """

    moments: Moments
    low: np.ndarray
    high: np.ndarray
    values: np.ndarray


def survey(image: Any) -> Survey:
    """Look at an image (C, H, W) once, a band of rows at a time where it is no array in memory."""
    if not is_large(image):
        flat = image.reshape(len(image), -1)
        return Survey(case_moments(image, "image"), *_limits(flat), flat[:, :: max(1, flat.shape[1] // KEPT)])
    step = max(1, round((image.size / len(image) / KEPT) ** 0.5))
    count, shift = 0, None
    total = squares = np.zeros(len(image))
    low, high, kept = np.full(len(image), np.inf), np.full(len(image), -np.inf), []
    for rows in bands(image):
        band = image[:, rows]
        flat = band.reshape(len(band), -1).astype(np.float64)
        shift = flat.mean(axis=1) if shift is None else shift  # squares of what is far from 0 would lose digits
        flat -= shift[:, None]
        count += flat.shape[1]
        total, squares = total + flat.sum(axis=1), squares + (flat**2).sum(axis=1)
        smallest, largest = _limits(band.reshape(len(band), -1))
        low, high = np.minimum(low, smallest), np.maximum(high, largest)
        kept.append(band[:, -rows.start % step :: step, ::step].reshape(len(band), -1))
    assert shift is not None
    scale = 1 / 255 if image.dtype == np.uint8 else 1.0
    mean, spread = total / count, np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0))
    means = tuple(((shift + mean) * scale).tolist())
    deviations = tuple(np.maximum(spread * scale, STD_FLOOR).tolist())
    return Survey((means, deviations), low, high, np.concatenate(kept, axis=1))


def _limits(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return flat.min(axis=1).astype(np.float64), flat.max(axis=1).astype(np.float64)
