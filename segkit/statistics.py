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
        mean: over the cases of each class, then over the classes that have any.
        std: of all finite values, n - 1 in the denominator.
        median: of all values but NaN; may be infinite.
        n: number of finite values.
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
    """Summarise scores, with a percentile-bootstrap interval of their mean (Efron 1979).

    Args:
        values: (cases,) or (cases, classes). NaN is left out; infinite ones count in the median only, and the note
            says how many there are.
        groups: the patient of each case, None for a case that stands alone; patients, not cases, are then resampled.
        confidence: what the interval is to cover.
        seed: of the resampling; the result is a function of the arguments.

    Raises:
        ValueError: values of another shape, or another number of groups than of cases.
    """
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or (groups is not None and len(groups) != len(table)):
        raise ValueError(f"values of shape {np.shape(values)} with {groups and len(groups)} groups")
    finite = table[np.isfinite(table)]
    defined = table[~np.isnan(table)]
    sums, sizes = unit_totals(table, groups)
    grouped = groups is not None and len(sums) < np.isfinite(table).any(axis=1).sum()
    interval, reason = None, why_no_interval(table, len(sums), grouped)
    if not reason:
        interval = bootstrap_interval(sums, sizes, confidence, seed)
        reason = f"interval too narrow: n < {ENOUGH}" if len(sums) < ENOUGH else ""
    infinite = len(defined) - len(finite)
    left_out = f"mean of the finite values, {infinite} are infinite" if infinite else ""
    method = f"percentile bootstrap over {'patients' if grouped else 'cases'}, {100 * confidence:g} %"
    return Summary(
        mean=float(mean_over_classes(sums.sum(axis=0), sizes.sum(axis=0))) if len(finite) else None,
        std=float(finite.std(ddof=1)) if len(finite) > 1 else None,
        median=float(np.median(defined)) if len(defined) else None,
        n=len(finite),
        ci_low=interval[0] if interval else None,
        ci_high=interval[1] if interval else None,
        method=method if interval else "",
        note="; ".join(part for part in (left_out, reason) if part),
    )


def why_no_interval(table: np.ndarray, units: int, grouped: bool) -> str:
    """Say why a table (cases, classes) can have no interval; empty where it can."""
    if units == 0:
        return "no values"
    if units == 1:
        return "no interval: one patient" if grouped else "no interval: one case"
    columns = [column[np.isfinite(column)] for column in table.T]
    if all(np.ptp(column) == 0 for column in columns if column.size):
        return "no interval: all values are equal"
    return ""


def unit_totals(table: np.ndarray, groups: Sequence[str | None] | None) -> tuple[np.ndarray, np.ndarray]:
    """Return sum and number of the finite values of each unit that is resampled, a patient or a case, per class.

    Returns:
        Two float64 arrays (units, classes); units without a finite value are left out.
    """
    names = [None] * len(table) if groups is None else groups
    known: dict[str | tuple[int], int] = {}
    unit = [known.setdefault((case,) if name is None else name, len(known)) for case, name in enumerate(names)]
    finite = np.isfinite(table)
    sums, sizes = np.zeros((2, len(known), table.shape[1]))
    np.add.at(sums, unit, np.where(finite, table, 0))
    np.add.at(sizes, unit, finite)
    some = sizes.any(axis=1)
    return sums[some], sizes[some]


def mean_over_classes(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the mean of sums / sizes over the last axis, without the classes whose size is 0."""
    means = np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 0)
    mean: np.ndarray = means.sum(axis=-1) / (sizes > 0).sum(axis=-1)
    return mean


def bootstrap_interval(sums: np.ndarray, sizes: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    """Return the percentile interval of the mean over units drawn with replacement.

    Args:
        sums, sizes: (units, classes) total and number of the values of each unit.
    """
    generator = np.random.default_rng(seed)
    units, classes = sums.shape
    means = np.empty(RESAMPLES)
    block = max(1, ELEMENTS_AT_A_TIME // units)
    for start in range(0, RESAMPLES, block):
        stop = min(start + block, RESAMPLES)
        drawn = generator.integers(0, units, (stop - start, units))
        drawn_sums = np.stack([sums[:, label][drawn].sum(axis=1) for label in range(classes)], axis=1)
        drawn_sizes = np.stack([sizes[:, label][drawn].sum(axis=1) for label in range(classes)], axis=1)
        means[start:stop] = mean_over_classes(drawn_sums, drawn_sizes)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
