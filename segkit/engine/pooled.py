"""Scores of the counts summed over cases, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segkit.contracts import Measurement
from segkit.engine.measure import CaseScores, ChosenMetric
from segkit.statistics.intervals import bca_interval, resampled_totals
from segkit.statistics.summary import ENOUGH
from segkit.statistics.units import unit_numbers

COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")
RESAMPLES = 2_000
"""Each is scored by the metric itself, which takes longer than a mean."""


@dataclass(frozen=True)
class Pooled:
    """What one metric scores on the counts of all cases together.

    Attributes:
        values: float64 (classes,).
        drawn: (resamples, classes), the same with patients or cases drawn with replacement.
        left_out: (units, classes), the same without each patient or case in turn.
        units: "patients" or "cases".
    """

    values: np.ndarray
    drawn: np.ndarray
    left_out: np.ndarray
    units: str

    def figure(self, classes: slice) -> tuple[float | None, tuple[float, float] | None, str, str]:
        """Return the mean over some classes, its 95 % interval, how that was made, and a note."""
        value, drawn, left_out = (nan_mean(table[..., classes]) for table in (self.values, self.drawn, self.left_out))
        if not np.isfinite(value):
            return None, None, "", "no values"
        drawn = drawn[np.isfinite(drawn)]
        pull = np.where(np.isfinite(left_out), value - left_out, 0.0) * (len(left_out) - 1)
        if len(left_out) == 1:
            return float(value), None, "", f"no interval: one {self.units.removesuffix('s')}"
        if not len(drawn) or np.abs(pull).max() <= 1e-12:
            return float(value), None, "", f"no interval: all {self.units} are alike"
        interval = bca_interval(float(value), pull, drawn, 0.95)
        note = f"interval too narrow: n < {ENOUGH}" if len(left_out) < ENOUGH else ""
        return float(value), interval, f"BCa bootstrap over {self.units}, 95 %", note


def pool(metric: ChosenMetric, scores: Sequence[CaseScores], seed: int = 0) -> Pooled:
    """Score the sum of all cases' counts; patients are resampled where there are groups."""
    cases = [row.counts[metric.name] for row in scores]
    rows = [flat(case) for case in cases]
    table = np.stack(rows)
    numbers = unit_numbers(len(table), [row.group for row in scores])
    totals = np.zeros((numbers.max() + 1, table.shape[1]), dtype=table.dtype)
    np.add.at(totals, numbers, table)
    whole = totals.sum(axis=0)

    def score(counts: np.ndarray) -> np.ndarray:
        return np.asarray(metric.score(unflat(counts, cases[0])), dtype=np.float64)

    def score_all(rows: np.ndarray) -> np.ndarray:
        return np.array([score(counts) for counts in rows]).reshape(len(rows), -1)

    several = len(totals) > 1
    drawn = resampled_totals(totals, seed)[:RESAMPLES] if several else whole[None]
    units = "patients" if len(totals) < len(table) else "cases"
    return Pooled(score(whole), score_all(drawn), score_all(whole - totals), units)


def flat(measured: Measurement) -> np.ndarray:
    """Return all that is summed over cases as one row: int64 where only pixels were counted, else float64."""
    counts = [getattr(measured, name) for name in COUNTS]
    return np.concatenate([*counts, *(measured.sums[name].ravel() for name in sorted(measured.sums))])


def unflat(row: np.ndarray, like: Measurement) -> Measurement:
    """Return a row of `flat` as a measurement with the shapes and types of another."""
    classes = len(like.true_positive)
    hit, spurious, missed, rest = np.split(row[: len(COUNTS) * classes].astype(np.int64), len(COUNTS))
    sums, start = {}, len(COUNTS) * classes
    for name in sorted(like.sums):
        part = like.sums[name]
        sums[name] = row[start : start + part.size].reshape(part.shape).astype(part.dtype)
        start += part.size
    return Measurement(hit, spurious, missed, rest, shape=(), sums=sums)


def nan_mean(table: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis of what is finite; NaN where nothing is."""
    finite = np.isfinite(table)
    number = finite.sum(axis=-1)
    total = np.where(finite, table, 0.0).sum(axis=-1)
    mean: np.ndarray = np.divide(total, number, out=np.full(np.shape(number), np.nan), where=number > 0)
    return mean
