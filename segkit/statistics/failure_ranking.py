"""How well an expected score ranks cases by their true one: risk-coverage, rank correlation, with intervals."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from segkit.statistics.units import unit_numbers

RESAMPLES = 2_000
ENOUGH = 3
"""With fewer cases there is no order to speak of."""


@dataclass(frozen=True)
class FailureRanking:
    """What an order by expected scores is worth.

    Attributes:
        aurc: area under the risk-coverage curve: the mean risk of the k most trusted cases, over all k; 0 is best.
        best, random: the same for the best order there is, and for none.
        gained: share of the way from random to the best; 1 is best, below 0 worse than none; NaN where all are alike.
        spearman: rank correlation of both scores.
        aurc_interval, gained_interval, spearman_interval: 95 %, percentiles of resampled patients or cases.
        n: cases.
    """

    aurc: float
    best: float
    random: float
    gained: float
    spearman: float
    aurc_interval: tuple[float, float]
    gained_interval: tuple[float, float]
    spearman_interval: tuple[float, float]
    n: int

    def as_record(self) -> dict[str, Any]:
        """Return the figures as JSON can hold them: None for NaN, a list for an interval."""
        return {name: plain(value) for name, value in dataclasses.asdict(self).items()}


def plain(value: Any) -> Any:
    """Return a figure as JSON can hold it."""
    if isinstance(value, tuple):
        return [plain(end) for end in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rank_failures(
    expected: np.ndarray, score: np.ndarray, groups: list[str | None] | None = None, seed: int = 0
) -> FailureRanking | None:
    """Compare expected scores with those that came; None with fewer than `ENOUGH` cases.

    Args:
        expected, score: (cases,), higher is better, 0 to 1; the risk of a case is 1 - score. Cases in which either is
            not finite are left out.
        groups: patients, which are resampled then.
    """
    usable = np.isfinite(expected) & np.isfinite(score)
    if usable.sum() < ENOUGH:
        return None
    numbers = unit_numbers(len(score), groups)[usable]
    expected, risk = expected[usable], 1 - score[usable]
    _, numbers = np.unique(numbers, return_inverse=True)
    members = [np.flatnonzero(numbers == unit) for unit in range(numbers.max() + 1)]
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(RESAMPLES):
        picked = np.concatenate([members[unit] for unit in draw.integers(0, len(members), len(members))])
        rows.append(figures(expected[picked], risk[picked]))
    low, high = np.nanpercentile(np.array(rows), [2.5, 97.5], axis=0)
    aurc, best, random, gained, spearman = figures(expected, risk)
    first, second, third = ((float(low[place]), float(high[place])) for place in (0, 3, 4))
    return FailureRanking(aurc, best, random, gained, spearman, first, second, third, int(usable.sum()))


def figures(expected: np.ndarray, risk: np.ndarray) -> tuple[float, float, float, float, float]:
    """Return AURC, that of the best order, that of none, the share of the way, and Spearman's correlation."""
    aurc, best, random = risk_coverage(expected, risk), risk_coverage(-risk, risk), float(risk.mean())
    way = random - best
    gained = (random - aurc) / way if way > 1e-12 else float("nan")
    return aurc, best, random, gained, spearman_correlation(expected, -risk)


def risk_coverage(trust: np.ndarray, risk: np.ndarray) -> float:
    """Return the mean over k of the mean risk of the k most trusted cases; equally trusted ones share theirs."""
    order = np.argsort(-trust, kind="stable")
    sorted_trust, sorted_risk = trust[order], risk[order].astype(np.float64)
    _, place, size = np.unique(-sorted_trust, return_inverse=True, return_counts=True)
    shared = np.bincount(place, weights=sorted_risk) / size
    return float((np.cumsum(shared[place]) / np.arange(1, len(risk) + 1)).mean())


def spearman_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of ranks, ties at their mean; NaN where one side does not vary."""
    from scipy.stats import rankdata

    first, second = (rankdata(values) - (len(values) + 1) / 2 for values in (one, other))
    norm = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / norm) if norm > 0 else float("nan")
