"""Metrics of all cases together, such as limits of agreement, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segkit.contracts import Measurement
from segkit.engine.measure import CaseScores, ChosenMetric
from segkit.engine.pooled import RESAMPLES, Pooled
from segkit.errors import SegkitError
from segkit.statistics.units import unit_numbers


def of_all_cases(metric: ChosenMetric, scores: Sequence[CaseScores], seed: int = 0) -> Pooled:
    """Take a metric of all cases, again and again on patients, or cases that stand alone, drawn with replacement.

    A class is scored on the cases that were annotated for it.

    Raises:
        SegkitError: the metric returns another number of values than there are classes.
    """
    cases = [row.counts[metric.name] for row in scores]
    known = np.array([np.ones(len(row.reference), bool) if row.annotated is None else row.annotated for row in scores])
    numbers = unit_numbers(len(cases), [row.group for row in scores])
    members = [np.flatnonzero(numbers == unit) for unit in range(numbers.max() + 1)]

    def score(units: np.ndarray) -> np.ndarray:
        drawn = np.concatenate([members[unit] for unit in units])
        if known.all():
            return values_of(metric, [cases[place] for place in drawn], known.shape[1])
        values = np.full(known.shape[1], np.nan)
        for label in range(known.shape[1]):
            annotated = [cases[place] for place in drawn if known[place, label]]
            if annotated:
                values[label] = values_of(metric, annotated, known.shape[1])[label]
        return values

    whole = np.arange(len(members))
    draw = np.random.default_rng(seed)
    several = len(members) > 1
    drawn = [score(draw.integers(0, len(members), len(members))) for _ in range(RESAMPLES)] if several else []
    left_out = [score(np.delete(whole, unit)) for unit in whole] if several else []
    value = score(whole)
    units = "patients" if len(members) < len(cases) else "cases"
    return Pooled(value, np.array(drawn or [value]), np.array(left_out or [value]), units)


def values_of(metric: ChosenMetric, cases: Sequence[Measurement], classes: int) -> np.ndarray:
    """Return what the metric says of some cases, float64 (classes,)."""
    values = np.asarray(metric.score(cases), dtype=np.float64)
    if values.shape != (classes,):
        raise SegkitError(
            f"metric {metric.name} returned shape {values.shape} for {classes} classes", "report it to its author"
        )
    return values
