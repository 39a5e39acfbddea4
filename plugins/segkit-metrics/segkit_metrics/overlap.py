"""Overlap of prediction and mask, from counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segkit import Measurement, Task
from segkit_metrics import OverlapParams

Score = Callable[[Measurement], np.ndarray]
"""From what was measured on one case, or summed over cases, to one float64 value per foreground class."""


def dice(task: Task, params: OverlapParams) -> Score:
    """Return 2 TP / (2 TP + FP + FN) per class; a missed or spurious structure scores 0. Range 0 to 1.

    Where mask and prediction both lack the class it is `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        return ratio(2 * measured.true_positive, measured.reference + measured.predicted, params)

    return score


def iou(task: Task, params: OverlapParams) -> Score:
    """Return TP / (TP + FP + FN) per class; a missed or spurious structure scores 0. Range 0 to 1.

    Where mask and prediction both lack the class it is `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        return ratio(measured.true_positive, measured.reference + measured.false_positive, params)

    return score


def ratio(overlap: np.ndarray, size: np.ndarray, params: OverlapParams) -> np.ndarray:
    """Return overlap / size per class as float64, `both_empty` where the size is 0."""
    result = np.full(len(size), float(params.both_empty))
    np.divide(overlap, size, out=result, where=size > 0)
    return result
