"""Conformal risk control: a threshold whose expected loss on a new case stays below a level.

Angelopoulos et al. 2022, arXiv:2208.02814. For a loss that does not grow when the threshold falls and is at most 1, and
cases that are exchangeable with the new one: the largest threshold whose mean loss over n cases, with one more of loss
1 added, is at most the level keeps the expected loss of the new case at most at the level.
"""

from __future__ import annotations

import math

import numpy as np

THRESHOLDS = np.arange(1001) / 1000
"""Of the probability of foreground: what is chosen from."""


def missed_shares(counts: np.ndarray) -> np.ndarray:
    """Return the share of each case's foreground that lies below each threshold, float64 (cases, thresholds).

    Args:
        counts: int64 (cases, thresholds): foreground pixels whose probability is at least threshold i and below
            threshold i + 1. Every case has foreground.
    """
    below = np.cumsum(counts, axis=1) - counts
    shares: np.ndarray = below / counts.sum(axis=1, keepdims=True)
    return shares


def controlled_threshold(losses: np.ndarray, level: float, thresholds: np.ndarray = THRESHOLDS) -> float | None:
    """Return the largest threshold whose bound is at most the level; None where no threshold's is.

    Args:
        losses: (cases, thresholds), each from 0 to 1, growing with the threshold.
    """
    cases = len(losses)
    bounds = losses.sum(axis=0) / (cases + 1) + 1 / (cases + 1)
    allowed = np.flatnonzero(bounds <= level)
    return float(thresholds[allowed[-1]]) if len(allowed) else None


def cases_needed(level: float) -> int:
    """Return the least number of cases with which a threshold can be chosen: 1 / (n + 1) is at most the level."""
    return max(1, math.ceil(1 / level - 1 - 1e-9))
