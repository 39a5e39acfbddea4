"""Scores of calibration: whether a network is right as often as it says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segkit import Measurement, Task
from segkit_metrics.overlap import Score
from segkit_metrics.params import BinnedParams, CalibrationParams

Gaps = Callable[[np.ndarray, np.ndarray], float]
"""From pixels per bin and |right - confidence| per bin, in pixels, to one number; both without empty bins."""


def ece(task: Task, params: BinnedParams) -> Score:
    """Return the expected calibration error: gaps between confidence and accuracy, by the bins' pixels. 0 to 1."""
    return of_bins(lambda counts, gaps: gaps.sum() / counts.sum(), params)


def ace(task: Task, params: BinnedParams) -> Score:
    """Return the average calibration error: the mean of the gaps of the bins that hold pixels. 0 to 1."""
    return of_bins(lambda counts, gaps: (gaps / counts).mean(), params)


def mce(task: Task, params: BinnedParams) -> Score:
    """Return the maximum calibration error: the largest gap of a bin that holds pixels. 0 to 1."""
    return of_bins(lambda counts, gaps: (gaps / counts).max(), params)


def brier(task: Task, params: CalibrationParams) -> Score:
    """Return the mean squared error of the probabilities. 0 to 1 per class, 0 to 2 over all labels of several."""
    return of_sums("brier")


def nll(task: Task, params: CalibrationParams) -> Score:
    """Return the mean negative logarithm of the probability of what is there, in nats; 0 is best."""
    return of_sums("nll")


def of_sums(name: str) -> Score:
    """Return the score that is a sum over pixels divided by their number."""

    def score(measured: Measurement) -> np.ndarray:
        pixels = int(measured.sums["pixels"][0])
        values = measured.sums[name] / pixels if pixels else np.full(len(measured.sums[name]), np.nan)
        return per_class(values, len(measured.reference))

    return score


def of_bins(reduce: Gaps, params: BinnedParams) -> Score:
    """Return the score that reduces the bins of every row to a number; NaN where no pixel counts."""

    def score(measured: Measurement) -> np.ndarray:
        rows = zip(*(measured.sums[name] for name in ("counts", "right", "confidence")), strict=True)
        values = []
        for counts, right, confidence in rows:
            if params.binning == "mass":
                counts, right, confidence = equal_mass(counts, right, confidence, params.bins)
            full = counts > 0
            gaps = np.abs(right[full] - confidence[full])
            values.append(reduce(counts[full], gaps) if full.any() else np.nan)
        return per_class(np.array(values, dtype=np.float64), len(measured.reference))

    return score


def equal_mass(
    counts: np.ndarray, right: np.ndarray, confidence: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join fine cells into bins that hold as equal a number of pixels as whole cells allow."""
    before = np.cumsum(counts) - counts / 2
    number = np.minimum((before * bins / max(counts.sum(), 1)).astype(np.int64), bins - 1)
    joined = [np.bincount(number, weights=values, minlength=bins) for values in (counts, right, confidence)]
    return joined[0], joined[1], joined[2]


def per_class(values: np.ndarray, classes: int) -> np.ndarray:
    """Return one value per class that is scored: one for all is everybody's, of one per label the classes' own."""
    if len(values) == 1:
        return np.repeat(values, classes)
    return values[-classes:]
