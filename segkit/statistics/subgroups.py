"""Scores of groups of cases beside each other: each with its interval, and the gaps between them after Holm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from segkit.statistics.comparison import holm
from segkit.statistics.summary import Summary, summarize
from segkit.statistics.units import mean_over_classes, unit_numbers, unit_totals

SMALL = 10
"""Groups of fewer cases are named, and compared with none."""
RESAMPLES = 5_000


@dataclass(frozen=True)
class Gap:
    """First minus second group; other patients in each, so nothing is paired.

    Attributes:
        difference: of the means; None where one has none.
        low, high: 95 % interval of it, units resampled in both groups; None without a difference.
        p_value: of the Mann-Whitney test of both groups' units, in which what is infinite is the largest there is.
        p_holm: corrected for all gaps of the column.
    """

    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float
    p_holm: float


def group_summaries(
    values: np.ndarray, names: Sequence[str], patients: Sequence[str | None]
) -> dict[str, tuple[int, Summary]]:
    """Return the number of cases and the summary of every group, the small ones too, in the order of their names.

    Args:
        values: (cases, classes).
    """
    found = {}
    for name in sorted({*names}):
        own = [place for place, other in enumerate(names) if other == name]
        found[name] = (len(own), summarize(values[own], [patients[place] for place in own]))
    return found


def gaps(values: np.ndarray, names: Sequence[str], patients: Sequence[str | None], seed: int = 0) -> list[Gap]:
    """Return the gap between every two groups of at least `SMALL` cases, p-values corrected for all of them.

    Args:
        values: (cases, classes).
    """
    listed = list(names)
    units = {name: own for name, own in unit_values(values, names, patients).items() if listed.count(name) >= SMALL}
    pairs = list(combinations(units, 2))
    found = [gap(units[first], units[second], seed) for first, second in pairs]
    adjusted = holm([p_value for *_, p_value in found])
    return [
        Gap(first, second, difference, low, high, p_value, 1.0 if p_holm is None else p_holm)
        for (first, second), (difference, low, high, p_value), p_holm in zip(pairs, found, adjusted, strict=True)
    ]


def unit_values(values: np.ndarray, names: Sequence[str], patients: Sequence[str | None]) -> Mapping[str, np.ndarray]:
    """Return one value per patient (or case that stands alone) of every group: infinite where a case's is."""
    found = {}
    for name in sorted({*names}):
        own = [place for place, other in enumerate(names) if other == name]
        table = values[own]
        numbers = unit_numbers(len(own), [patients[place] for place in own])
        mean = mean_over_classes(*unit_totals(table, numbers))
        infinite = np.isinf(table).any(axis=1)
        mean[numbers[infinite]] = np.inf
        found[name] = mean[~np.isnan(mean)]
    return found


def gap(first: np.ndarray, second: np.ndarray, seed: int) -> tuple[float | None, float | None, float | None, float]:
    """Return the difference of the finite means, its interval, and the p-value of the Mann-Whitney test."""
    from scipy.stats import mannwhitneyu

    p_value = float(mannwhitneyu(first, second).pvalue) if len(first) and len(second) else 1.0
    one, other = first[np.isfinite(first)], second[np.isfinite(second)]
    if not len(one) or not len(other):
        return None, None, None, p_value
    draw = np.random.default_rng(seed)
    drawn = [side[draw.integers(0, len(side), (RESAMPLES, len(side)))].mean(axis=1) for side in (one, other)]
    low, high = np.percentile(drawn[0] - drawn[1], [2.5, 97.5])
    return float(one.mean() - other.mean()), float(low), float(high), p_value
