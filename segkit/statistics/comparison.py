"""Two models on the same cases: how far apart, and is it sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from segkit.statistics.summary import Summary, summarize
from segkit.statistics.units import as_table, mean_over_classes, unit_numbers, unit_totals

EXACT = 50
"""Up to this many differences other than 0 all choices of signs are counted: the normal approximation of 5 equal signs
among 60 cases says p = 0.03, the count 0.06."""


@dataclass(frozen=True)
class PairedComparison:
    """First minus second, case by case.

    Attributes:
        difference: summary of the differences; its interval is that of the difference of the means.
        p_value: of Wilcoxon's signed-rank test, two-sided, over patients (or cases that stand alone); not corrected
            for several comparisons (see `holm`). None without values.
        higher, equal, lower: in how many patients (or cases) the first is above, at and below the second.
        infinite: of those above and below, where one missed what the other found; no mean difference holds them.
        units: (units,) the differences that the test is of.
        note: what was left out; what to bear in mind about the interval is in `difference.note`.
    """

    difference: Summary
    p_value: float | None
    higher: int
    equal: int
    lower: int
    infinite: int
    note: str
    units: np.ndarray = field(default_factory=lambda: np.empty(0), compare=False)


def compare_paired(
    first: np.ndarray,
    second: np.ndarray,
    groups: Sequence[str | None] | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> PairedComparison:
    """Compare two models' scores of the same cases.

    Equal infinite values (a structure both missed) differ by 0. An infinite difference (one missed it) is left out
    of the mean, and the note of the difference says so; in the test it is the largest there is.

    Args:
        first, second: (cases,) or (cases, classes), in the same order. Where one is NaN the pair is left out.
        groups: the patient of each case, None for a case that stands alone. Patients are resampled, and each enters
            the test once, with the mean over its classes of the mean over its cases.
        confidence, seed: of the interval, as in `summarize`.

    Raises:
        ValueError: shapes that differ or that `summarize` refuses.
    """
    one, other = as_table(first, groups), as_table(second, groups)
    if one.shape != other.shape:
        raise ValueError(f"scores of shape {np.shape(first)} against {np.shape(second)}")
    # Where both are infinite there is nothing to subtract.
    differences = np.subtract(one, other, out=np.zeros_like(one), where=one != other)
    values = unit_differences(differences, unit_numbers(len(one), groups))
    unmatched = int((np.isnan(one) != np.isnan(other)).sum())
    return PairedComparison(
        difference=summarize(differences, groups, confidence=confidence, seed=seed),
        p_value=signed_rank(values),
        higher=int((values > 0).sum()),
        equal=int((values == 0).sum()),
        lower=int((values < 0).sum()),
        infinite=int(np.isinf(values).sum()),
        note=f"left out as undefined in one of the two: {unmatched}" if unmatched else "",
        units=values,
    )


def unit_differences(differences: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return one difference per unit that has any: the mean over its classes of the mean over its cases.

    Args:
        differences: (cases, classes).
        units: (cases,) from `unit_numbers`.
    """
    values = mean_over_classes(*unit_totals(differences, units))
    balance = np.zeros(len(values))
    np.add.at(balance, units, np.where(np.isinf(differences), np.sign(differences), 0).sum(axis=1))
    values[balance != 0] = np.copysign(np.inf, balance[balance != 0])
    defined: np.ndarray = values[~np.isnan(values)]
    return defined


def signed_rank(values: np.ndarray) -> float | None:
    """Return the two-sided p-value of Wilcoxon's signed-rank test of differences (units,), zeros after Pratt (1959).

    Exact where at most `EXACT` differ, ties and zeros or not; else by the normal approximation.
    """
    if not len(values):
        return None
    if not values.any():
        return 1.0
    from scipy.stats import rankdata, wilcoxon

    if np.count_nonzero(values) > EXACT:
        return float(wilcoxon(values, zero_method="pratt", method="approx").pvalue)
    # Ranks of ties are halves: twice a rank is a whole number.
    ranks = np.rint(2 * rankdata(np.abs(values))).astype(np.int64)
    return sign_flip_probability(ranks[values != 0], ranks[values > 0].sum())


def sign_flip_probability(ranks: np.ndarray, observed: int) -> float:
    """Return the share of all 2^n choices of signs whose sum of positive ranks is at least as far from the middle.

    Args:
        ranks: (n,) positive whole numbers.
        observed: the sum to compare with.
    """
    total = int(ranks.sum())
    probability = np.zeros(total + 1)
    probability[0] = 1.0
    for rank in ranks:
        with_it = np.zeros_like(probability)
        with_it[rank:] = probability[: total + 1 - rank]
        probability = (probability + with_it) / 2
    distance = np.abs(2 * np.arange(total + 1) - total)
    return float(min(1.0, probability[distance >= abs(2 * int(observed) - total)].sum()))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for being several (Holm 1979); None stays None and does not count.

    Those at or below a level can be rejected together: the chance of one or more wrong rejections is at most the level.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = largest
    return adjusted
