"""Sums over large arrays, a part at a time: numpy would make a copy of the whole in 64 bits first (issue 19)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

AT_ONCE = 2**20
"""Values of a part, and of a row where rows are longer."""


def bands_of(array: Any) -> Iterator[slice]:
    """Yield parts of the rows of an array (..., H, W), in memory or not, all else taken whole."""
    rows = max(1, AT_ONCE // max(1, array.size // max(1, array.shape[-2])))
    for start in range(0, array.shape[-2], rows):
        yield slice(start, start + rows)


def counts_of(labels: np.ndarray, values: int = 256) -> np.ndarray:
    """Return how often each value of uint8 labels (*S) occurs, int64 (values,); they are below `values`."""
    counts = np.zeros(values, np.int64)
    flat = labels.reshape(-1)
    for start in range(0, flat.size, AT_ONCE):
        counts += np.bincount(flat[start : start + AT_ONCE], minlength=values)
    return counts


def values_of(labels: np.ndarray) -> list[int]:
    """Return the values that uint8 labels hold, sorted."""
    return [int(value) for value in np.flatnonzero(counts_of(labels))]


def mean_and_deviation(values: np.ndarray) -> tuple[float, float]:
    """Return mean and deviation of all values of an array of two axes or more, summed in float64."""
    mean = sum(float(values[..., rows, :].sum(dtype=np.float64)) for rows in bands_of(values)) / values.size
    spread = sum(float(np.square(values[..., rows, :] - np.float64(mean)).sum()) for rows in bands_of(values))
    return mean, (spread / values.size) ** 0.5
