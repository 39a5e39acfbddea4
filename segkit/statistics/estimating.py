"""From what a case says of itself to its expected score: a line fitted to other cases, and what it misses by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segkit.statistics.units import unit_numbers

SAME = 1e-9
"""Signs that differ by less are the same for all cases."""


def fit_line(signs: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the slopes, none below 0, and the intercept of the least squares.

    A sign that the score falls with on the few cases there are would turn an order round: it counts for nothing.

    Args:
        signs: (cases, signs), each higher where a case is to be trusted more.
        scores: (cases,) finite.
    """
    from scipy.optimize import nnls

    middle, mean = signs.mean(axis=0), float(scores.mean())
    apart = signs - middle
    apart[:, np.abs(apart).max(axis=0) < SAME] = 0  # what rounding left would be fitted to
    slopes, _ = nnls(apart, scores - mean)
    return slopes, mean - float(middle @ slopes)


def left_out_error(signs: np.ndarray, scores: np.ndarray, groups: Sequence[str | None]) -> float:
    """Return the root of the mean squared error of each case by a line fitted to the other patients' cases.

    NaN where there are fewer than three patients: a line through one says nothing.
    """
    units = unit_numbers(len(scores), groups)
    numbers = np.unique(units)
    if len(numbers) < 3:
        return float("nan")
    errors = np.empty(len(scores))
    for unit in numbers:
        out = units == unit
        slopes, intercept = fit_line(signs[~out], scores[~out])
        errors[out] = signs[out] @ slopes + intercept - scores[out]
    return float(np.sqrt((errors**2).mean()))
