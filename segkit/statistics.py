"""Summaries of scores over cases: mean, spread and a 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
ELEMENTS_AT_A_TIME = 1 << 20
"""Largest block of drawn indices, so that memory does not grow with the number of cases."""
ENOUGH = 30
"""Below this many independent units every bootstrap interval of skewed scores covers less than it says."""


@dataclass(frozen=True)
class Summary:
    """What a set of scores comes to; None where a figure is not defined.

    Attributes:
        n: number of values.
        std: with n - 1 in the denominator.
        ci_low, ci_high: interval of the mean.
        method: how the interval was made; empty where there is none.
        note: what to bear in mind when reading it.
    """

    mean: float | None
    std: float | None
    median: float | None
    n: int
    ci_low: float | None
    ci_high: float | None
    method: str
    note: str


def summarize(
    values: np.ndarray,
    groups: Sequence[str | None] | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Summary:
    """Summarise finite scores, with a percentile-bootstrap interval of their mean (Efron 1979).

    Args:
        values: (n,) finite scores.
        groups: the patient of each score, None for one that stands alone; patients, not cases, are then resampled.
        confidence: what the interval is to cover.
        seed: of the resampling; the result is a function of the arguments.

    Raises:
        ValueError: values that are not finite or not (n,), or groups of another length.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("values must be finite and of shape (n,)")
    if groups is not None and len(groups) != len(values):
        raise ValueError(f"{len(groups)} groups for {len(values)} values")
    sums, sizes = unit_totals(values, groups)
    units = len(sums)
    mean = float(values.mean()) if len(values) else None
    if units < 2 or np.ptp(values) == 0:
        interval, method, note = None, "", why_no_interval(len(values), units)
    else:
        interval = bootstrap_interval(sums, sizes, confidence, seed)
        method = f"percentile bootstrap over {'cases' if groups is None else 'patients'}, {100 * confidence:g} %"
        note = f"interval too narrow: n < {ENOUGH}" if units < ENOUGH else ""
    return Summary(
        mean=mean,
        std=float(values.std(ddof=1)) if len(values) > 1 else None,
        median=float(np.median(values)) if len(values) else None,
        n=len(values),
        ci_low=interval[0] if interval else None,
        ci_high=interval[1] if interval else None,
        method=method,
        note=note,
    )


def why_no_interval(n: int, units: int) -> str:
    """Say why there is no interval."""
    if n == 0:
        return "no values"
    if n == 1:
        return "no interval: one value"
    return "no interval: one patient" if units == 1 else "no interval: all values are equal"


def unit_totals(values: np.ndarray, groups: Sequence[str | None] | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum and the number of values of each unit that is resampled: a case, or a patient."""
    if groups is None:
        return values, np.ones(len(values))
    known: dict[str | tuple[int], int] = {}
    unit = [known.setdefault((case,) if group is None else group, len(known)) for case, group in enumerate(groups)]
    index = np.array(unit, dtype=np.intp)
    return np.bincount(index, weights=values, minlength=len(known)), np.bincount(index, minlength=len(known))


def bootstrap_interval(sums: np.ndarray, sizes: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    """Return the percentile interval of sum / size over units drawn with replacement.

    Args:
        sums, sizes: (units,) total and number of the values of each unit.
    """
    generator = np.random.default_rng(seed)
    units = len(sums)
    means = np.empty(RESAMPLES)
    block = max(1, ELEMENTS_AT_A_TIME // units)
    for start in range(0, RESAMPLES, block):
        stop = min(start + block, RESAMPLES)
        drawn = generator.integers(0, units, (stop - start, units))
        means[start:stop] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
