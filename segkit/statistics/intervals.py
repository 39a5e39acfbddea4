"""The bootstrap: units drawn with replacement, and the interval made of what comes out."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

RESAMPLES = 10_000
"""Of a fixed seed: what coverage was measured with (docs/benchmarks/coverage.md)."""
ELEMENTS_AT_A_TIME = 1 << 20
"""Largest block of drawn indices, so that memory does not grow with the number of cases."""


def resampled_totals(totals: np.ndarray, seed: int) -> np.ndarray:
    """Return the totals over units drawn with replacement, as many as there are, `RESAMPLES` times.

    The draws depend on the seed and the number of units only, so that columns drawn together stay together.

    Args:
        totals: (units, columns).

    Returns:
        (RESAMPLES, columns).
    """
    generator = np.random.default_rng(seed)
    units, columns = totals.shape
    drawn_totals = np.empty((RESAMPLES, columns))
    block = max(1, ELEMENTS_AT_A_TIME // units)
    for start in range(0, RESAMPLES, block):
        rows = min(block, RESAMPLES - start)
        drawn = generator.integers(0, units, (rows, units)) + units * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        drawn_totals[start : start + rows] = times.astype(np.float64) @ totals
    return drawn_totals


def bca_interval(estimate: float, pull: np.ndarray, replicates: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval (Efron 1987, Better bootstrap confidence intervals).

    Its ends are quantiles of the replicates, so it stays within what resampling can give: a Dice interval never
    passes 1. Of the methods that cover 95 % well its misses are spread most evenly over both sides: 4.2 and 2.4 %,
    those of percentiles 5.3 and 1.4, of Student's t 6.8 and 0.5 (docs/benchmarks/coverage.md).

    Args:
        estimate: the statistic of the sample.
        pull: (units,) `influence` of each unit, not all 0; its skewness is the acceleration.
        replicates: the statistic of each resample.
        confidence: what the interval is to cover.
    """
    largest = np.abs(pull).max()
    # Replicates that equal the estimate but for rounding count half, else the bias would be that of the rounding.
    tied = np.abs(replicates - estimate) <= 1e-9 * largest / len(pull)
    below = np.mean(np.where(tied, 0.5, replicates < estimate))
    bias = ndtri(np.clip(below, 0.5 / len(replicates), 1 - 0.5 / len(replicates)))
    scaled = pull / largest
    acceleration = (scaled**3).sum() / (6 * (scaled**2).sum() ** 1.5)
    shifted = bias + ndtri(np.array([0.5 - confidence / 2, 0.5 + confidence / 2]))
    # Beyond its pole, which only a confidence near 1 reaches, the formula would turn back: the end is an extreme.
    levels = ndtr(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-9))
    low, high = np.quantile(replicates, levels)
    return float(low), float(high)
