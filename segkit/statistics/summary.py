"""Summaries of scores over cases: mean, spread and a 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segkit.statistics.intervals import bca_interval, resampled_totals
from segkit.statistics.units import as_table, influence, mean_over_classes, unit_numbers, unit_totals

ENOUGH = 30
"""Below this many independent units every interval of skewed scores covers less than it says.

With 20 of them, 8 % zeros among high scores, each of four methods covers 79 to 81 % (docs/benchmarks/coverage.md).
"""


@dataclass(frozen=True)
class Summary:
    """What a set of scores comes to; None where a figure is not defined.

    Attributes:
        mean: over the cases of each class, then over the classes that have any.
        std: of all finite values, n - 1 in the denominator.
        median: of all values but NaN; may be infinite.
        n: number of finite values.
        ci_low, ci_high: interval of the mean.
        method: how the interval was made; empty where there is none.
        note: what to bear in mind when reading it.
        alike: whether there is no interval because nothing varies.
        infinite: number of infinite values, which the mean leaves out.
    """

    mean: float | None
    std: float | None
    median: float | None
    n: int
    ci_low: float | None
    ci_high: float | None
    method: str
    note: str
    alike: bool = False
    infinite: int = 0


def summarize(
    values: np.ndarray,
    groups: Sequence[str | None] | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Summary:
    """Summarise scores, with a BCa bootstrap interval of their mean.

    Args:
        values: (cases,) or (cases, classes). NaN is left out; infinite ones count in the median only, and the note
            says how many there are.
        groups: the patient of each case, None for a case that stands alone; patients, not cases, are then resampled.
        confidence: what the interval is to cover, between 0 and 1.
        seed: of the resampling; the result is a function of the arguments.

    Raises:
        ValueError: values of another shape, another number of groups than of cases, or no such confidence.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, not between 0 and 1")
    table = as_table(values, groups)
    # Patients are drawn, not cases: images of one patient resemble each other, and as cases they would pass for more
    # than they tell.
    sums, sizes = unit_totals(table, unit_numbers(len(table), groups))
    some = sizes.any(axis=1)
    sums, sizes = sums[some], sizes[some]
    finite = table[np.isfinite(table)]
    defined = table[~np.isnan(table)]
    mean = float(mean_over_classes(sums.sum(axis=0), sizes.sum(axis=0))) if len(finite) else None
    patients = len(sums) < np.isfinite(table).any(axis=1).sum()
    interval, reason = interval_of_mean(sums, sizes, mean, "patients" if patients else "cases", confidence, seed)
    infinite = len(defined) - len(finite)
    left_out = f"mean of the finite values, {infinite} are infinite" if infinite else ""
    return Summary(
        mean=mean,
        std=float(finite.std(ddof=1)) if len(finite) > 1 else None,
        # Infinite distances count here: a structure that is missed more often must not make the figure better.
        median=float(np.median(defined)) if len(defined) else None,
        n=len(finite),
        ci_low=interval[0] if interval else None,
        ci_high=interval[1] if interval else None,
        method=f"BCa bootstrap over {'patients' if patients else 'cases'}, {100 * confidence:g} %" if interval else "",
        note="; ".join(part for part in (left_out, reason) if part),
        alike=mean is not None and len(sums) > 1 and unvaried(sums, influence(sums, sizes)),
        infinite=infinite,
    )


def unvaried(sums: np.ndarray, pull: np.ndarray) -> bool:
    """Whether units move the mean by nothing but rounding."""
    return bool(np.abs(pull).max() <= 1e-9 * np.abs(sums).max())


def interval_of_mean(
    sums: np.ndarray, sizes: np.ndarray, mean: float | None, units: str, confidence: float, seed: int
) -> tuple[tuple[float, float] | None, str]:
    """Return the interval, None where there can be none, and what to say about it.

    Args:
        sums, sizes: (units, classes) total and number of the values of each unit.
        units: what they are, in the plural.
    """
    if mean is None:
        return None, "no values"
    if len(sums) == 1:
        return None, f"no interval: one {units.removesuffix('s')}"
    pull = influence(sums, sizes)
    if unvaried(sums, pull):
        return None, f"no interval: all {units} are alike"
    drawn = resampled_totals(np.hstack([sums, sizes]), seed)
    replicates = mean_over_classes(*np.hsplit(drawn, 2))
    interval = bca_interval(mean, pull, replicates, confidence)
    return interval, f"interval too narrow: n < {ENOUGH}" if len(sums) < ENOUGH else ""
