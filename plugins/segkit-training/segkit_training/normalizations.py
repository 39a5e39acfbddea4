"""Intensity normalisations by the numbers of one case: low, high, mean and deviation of each channel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segkit_training.params import Percentile, Robust, ValueRange

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Measure = Callable[[np.ndarray], Rows]
LEAST = 1e-6


def percentile(params: Percentile) -> Measure:
    """From one percentile to another, which become 0 and 1."""

    def measure(image: np.ndarray) -> Rows:
        channels = image.reshape(len(image), -1)
        low, high = np.percentile(channels, [params.low, params.high], axis=1)
        return low, high, low, np.maximum(high - low, LEAST)

    return measure


def robust(params: Robust) -> Measure:
    """Minus the median, over the distance of the quartiles by 1.349: a deviation that few pixels do not move."""

    def measure(image: np.ndarray) -> Rows:
        rows = []
        for channel in image.reshape(len(image), -1):
            inside = channel[channel != 0] if params.nonzero and channel.any() else channel
            first, median, third = np.percentile(inside, [25, 50, 75])
            # Where most of an image is air both quartiles lie in it: over 1e-6 a body's values went to 3e8 (issue 20).
            spread = (third - first) / 1.349 or inside.std()
            rows.append((channel.min(), channel.max(), median, max(spread, LEAST)))
        low, high, mean, std = np.array(rows).T
        return low, high, mean, std

    return measure


def value_range(params: ValueRange) -> Measure:
    """A range that is the same for every case, which becomes 0 to 1: floats keep what their values mean."""

    def measure(image: np.ndarray) -> Rows:
        ones = np.ones(len(image))
        return params.low * ones, params.high * ones, params.low * ones, (params.high - params.low) * ones

    return measure
