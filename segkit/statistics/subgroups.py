"""Scores of groups of cases beside each other: each with its interval, and the gaps between them after Holm."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from segkit.statistics.comparison import holm, signed_rank
from segkit.statistics.summary import Summary, summarize
from segkit.statistics.units import mean_over_classes, unit_numbers, unit_totals

SMALL = 10
"""Groups of fewer cases are named, and compared with none."""
RESAMPLES = 5_000


@dataclass(frozen=True)
class Gap:
    """First minus second group.

    Attributes:
        difference: of the means; None where one has none.
        low, high: 95 % interval of it, units resampled in both groups, pairs where it is paired; None without one.
        p_value: of the Mann-Whitney test of both groups' units, or of Wilcoxon's signed-rank test of the pairs; in both
            what is infinite is the largest there is.
        p_holm: corrected for all gaps of the column.
        pairs: patients with cases in both groups, whom alone it is of where they are `SMALL` or more; else 0: other
            patients in each, or so few in both that they are taken for others.
    """

    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float
    p_holm: float
    pairs: int = 0


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
    adjusted = holm([one.p_value for one in found])
    return [
        Gap(first, second, one.difference, one.low, one.high, one.p_value, 1.0 if p_holm is None else p_holm, one.pairs)
        for (first, second), one, p_holm in zip(pairs, found, adjusted, strict=True)
    ]


def unit_values(
    values: np.ndarray, names: Sequence[str], patients: Sequence[str | None]
) -> Mapping[str, Mapping[Hashable, float]]:
    """Return one value per patient, or place of a case alone, of every group; infinite where a case's is."""
    found: dict[str, dict[Hashable, float]] = {}
    for name in sorted({*names}):
        own = [place for place, other in enumerate(names) if other == name]
        table = values[own]
        whose = [patients[place] if patients[place] is not None else place for place in own]
        numbers = unit_numbers(len(own), [patients[place] for place in own])
        mean = mean_over_classes(*unit_totals(table, numbers))
        infinite = np.isinf(table).any(axis=1)
        mean[numbers[infinite]] = np.inf
        # A unit's number is the order of its first case.
        found[name] = {
            key: float(value) for key, value in zip(dict.fromkeys(whose), mean, strict=True) if value == value
        }
    return found


class Difference(NamedTuple):
    """What stands between two groups, not corrected for others; as of `Gap`."""

    difference: float | None
    low: float | None
    high: float | None
    p_value: float
    pairs: int


def gap(first: Mapping[Hashable, float], second: Mapping[Hashable, float], seed: int) -> Difference:
    """Return the difference of the finite means, its interval, and a p-value: of pairs where there are enough."""
    both = [unit for unit in first if unit in second]
    if len(both) >= SMALL:
        one, other = (np.array([side[unit] for unit in both]) for side in (first, second))
        return paired_gap(one, other, seed)
    from scipy.stats import mannwhitneyu

    sides = [np.array(list(side.values())) for side in (first, second)]
    p_value = float(mannwhitneyu(*sides).pvalue) if all(map(len, sides)) else 1.0
    one, other = (side[np.isfinite(side)] for side in sides)
    if not len(one) or not len(other):
        return Difference(None, None, None, p_value, 0)
    draw = np.random.default_rng(seed)
    drawn = [side[draw.integers(0, len(side), (RESAMPLES, len(side)))].mean(axis=1) for side in (one, other)]
    low, high = np.percentile(drawn[0] - drawn[1], [2.5, 97.5])
    return Difference(float(one.mean() - other.mean()), float(low), float(high), p_value, 0)


def paired_gap(first: np.ndarray, second: np.ndarray, seed: int) -> Difference:
    """Return what stands between two values of each unit, (units,)."""
    apart = np.subtract(first, second, out=np.zeros(len(first)), where=first != second)
    p_value = signed_rank(apart)
    finite = apart[np.isfinite(apart)]
    if not len(finite):
        return Difference(None, None, None, 1.0 if p_value is None else p_value, len(apart))
    draw = np.random.default_rng(seed)
    drawn = finite[draw.integers(0, len(finite), (RESAMPLES, len(finite)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Difference(float(finite.mean()), float(low), float(high), 1.0 if p_value is None else p_value, len(apart))
