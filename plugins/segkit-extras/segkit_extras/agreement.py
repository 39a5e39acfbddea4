"""Whether measured volumes can be trusted: bias of each case, limits of agreement and correlation over all of them.

Bland, Altman: Statistical methods for assessing agreement between two methods of clinical measurement. Lancet 327
(1986) 307-310. Lin: A concordance correlation coefficient to evaluate reproducibility. Biometrics 45 (1989) 255-268.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from segkit import Measurement, Task, param

Score = Callable[[Measurement], np.ndarray]
ScoreOfAll = Callable[[Sequence[Measurement]], np.ndarray]
IGNORE = 255


@dataclass(frozen=True)
class Limits:
    """How wide limits of agreement are."""

    factor: float = param(1.96, "Standard deviations between the mean difference and each limit.", min=0)


@dataclass(frozen=True)
class Correlation:
    """Which correlation."""

    form: Literal["pearson", "concordance"] = param(
        "pearson", "Pearson's, which a bias and a wrong scale leave at 1, or Lin's concordance, which they lower."
    )


def measure(
    prediction: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...] | None, task: Task, options: Mapping[str, Any]
) -> Measurement:
    """Count the pixels of each class on both sides; 255 is in neither."""
    bins = range(1, len(task.classes) + 1)
    valid = mask != IGNORE
    pairs = [((prediction == label) & valid, mask == label) for label in bins]
    counts = np.array([[np.sum(p & m), np.sum(p & ~m), np.sum(~p & m)] for p, m in pairs], dtype=np.int64)
    hit, spurious, missed = counts.T
    rest = np.count_nonzero(valid) - counts.sum(axis=1)
    return Measurement(hit, spurious, missed, rest, tuple(mask.shape), spacing)


def volumes(measured: Measurement) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted and reference volumes in ml, pixels without a spacing, NaN where both lack a class."""
    size = 1.0 if measured.spacing is None else math.prod(measured.spacing) / 1000
    present = measured.predicted + measured.reference > 0
    predicted, reference = (np.where(present, side * size, np.nan) for side in (measured.predicted, measured.reference))
    return predicted, reference


def tables(cases: Sequence[Measurement]) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted and reference volumes of all cases, (cases, classes)."""
    pairs = [volumes(case) for case in cases]
    return np.stack([predicted for predicted, _ in pairs]), np.stack([reference for _, reference in pairs])


def bias(task: Task, params: object) -> Score:
    """Return predicted minus reference volume of each class of one case, in ml; 0 is best."""

    def score(measured: Measurement) -> np.ndarray:
        predicted, reference = volumes(measured)
        difference: np.ndarray = predicted - reference
        return difference

    return score


def lower_limit(task: Task, params: Limits) -> ScoreOfAll:
    """Return the mean difference less `factor` standard deviations, in ml, of the cases that have the class."""
    return lambda cases: limit(cases, -params.factor)


def upper_limit(task: Task, params: Limits) -> ScoreOfAll:
    """Return the mean difference plus `factor` standard deviations, in ml, of the cases that have the class."""
    return lambda cases: limit(cases, params.factor)


def limit(cases: Sequence[Measurement], factor: float) -> np.ndarray:
    """Return a limit of agreement per class, NaN of fewer than two cases."""
    predicted, reference = tables(cases)
    difference = predicted - reference
    known = np.isfinite(difference)
    number = known.sum(axis=0)
    mean = np.where(known, difference, 0).sum(axis=0) / np.maximum(number, 1)
    squares = np.where(known, (difference - mean) ** 2, 0).sum(axis=0)
    end: np.ndarray = np.where(number > 1, mean + factor * np.sqrt(squares / np.maximum(number - 1, 1)), np.nan)
    return end


def correlation(task: Task, params: Correlation) -> ScoreOfAll:
    """Return the correlation of predicted and reference volumes per class; NaN where one side does not vary."""

    def score(cases: Sequence[Measurement]) -> np.ndarray:
        predicted, reference = tables(cases)
        return np.array(
            [correlate(one[np.isfinite(one)], other[np.isfinite(other)], params.form)
             for one, other in zip(predicted.T, reference.T, strict=True)]
        )  # fmt: skip

    return score


def correlate(one: np.ndarray, other: np.ndarray, form: str) -> float:
    """Return the correlation of two rows of numbers."""
    if len(one) < 2:
        return math.nan
    here, there = one - one.mean(), other - other.mean()
    if form == "pearson":
        whole = math.sqrt(float((here**2).sum() * (there**2).sum()))
        shared = float((here * there).sum())
    else:
        whole = float((here**2).sum() + (there**2).sum() + len(one) * (one.mean() - other.mean()) ** 2)
        shared = 2 * float((here * there).sum())
    return min(max(shared / whole, -1.0), 1.0) if whole > 0 else math.nan
