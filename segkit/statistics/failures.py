"""Values that are failures: of a structure that was missed, or infinitely far from what is right."""

from __future__ import annotations

import math

import numpy as np


def worst(higher_is_better: bool) -> float:
    """Return the value than which none is worse."""
    return -math.inf if higher_is_better else math.inf


def failures(values: np.ndarray, missed: np.ndarray, *, higher_is_better: bool) -> np.ndarray:
    """Return which values are failures, bool of their shape: infinitely bad, or undefined because of a miss.

    What is undefined for another reason, such as a structure that neither mask has, is none.

    Args:
        values: scores, NaN where undefined.
        missed: bool of the same shape: in the reference and not in the prediction.
    """
    found: np.ndarray = (values == worst(higher_is_better)) | (np.isnan(values) & missed)
    return found


def with_failures(values: np.ndarray, missed: np.ndarray, *, higher_is_better: bool) -> np.ndarray:
    """Return values in which every failure is the worst value there is, so that what ranks them drops none."""
    failed = failures(values, missed, higher_is_better=higher_is_better)
    return np.where(failed, worst(higher_is_better), values)


def case_value(values: np.ndarray, missed: np.ndarray, *, higher_is_better: bool) -> float:
    """Return what a case is ranked by: its mean over classes that have a value, the worst there is where one failed.

    Args:
        values, missed: (classes,).

    Returns:
        NaN where no class has a value.
    """
    told = with_failures(values, missed, higher_is_better=higher_is_better)
    numbers = told[~np.isnan(told)]
    if (numbers == worst(higher_is_better)).any():
        return worst(higher_is_better)
    return float(numbers.mean()) if len(numbers) else math.nan
