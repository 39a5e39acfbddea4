"""Which of several models comes first, and would it again on other cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segkit.statistics.intervals import resampled_totals
from segkit.statistics.units import as_table, mean_over_classes, unit_numbers, unit_totals


@dataclass(frozen=True)
class RankStability:
    """How the ranks of models hold when cases are drawn anew.

    Attributes:
        ranks: (models,) whole numbers from 1, on the cases themselves; models that tie share the better rank.
        shares: (models, models) share of the resamples in which a model (row) has rank 1, 2, ... (column).
        unchanged: share of the resamples with the very ranks of `ranks`.
        by: what was ranked, in words.
    """

    ranks: tuple[int, ...]
    shares: np.ndarray
    unchanged: float
    by: str


def rank_stability(
    tables: Sequence[np.ndarray],
    groups: Sequence[str | None] | None = None,
    *,
    higher_is_better: bool = True,
    seed: int = 0,
) -> RankStability:
    """Rank models by their mean, again and again on resampled patients (or cases that stand alone).

    All models see the same resample, so cases that are hard for all shift nobody's rank. Where a value is infinite a
    mean says nothing: models are then ranked case by case, and by the mean of those ranks.

    Args:
        tables: per model (cases, classes) or (cases,), the same cases in the same order; NaN is left out.
        groups: the patient of each case, None for a case that stands alone.
        seed: of the resampling; the result is a function of the arguments.

    Raises:
        ValueError: shapes that differ, or a model without a value.
    """
    scores = [as_table(table, groups) for table in tables]
    if len({table.shape for table in scores}) != 1:
        raise ValueError(f"scores of shapes {[table.shape for table in scores]}")
    infinite = any(np.isinf(table).any() for table in scores)
    values = case_ranks(np.stack(scores), higher_is_better) if infinite else np.stack(scores)
    falling = higher_is_better and not infinite
    units = unit_numbers(len(scores[0]), groups)
    totals = [unit_totals(table, units) for table in values]
    observed = means([sums.sum(axis=0) for sums, _ in totals], [sizes.sum(axis=0) for _, sizes in totals])
    if np.isnan(observed).any():
        raise ValueError("a model has no value at all")
    drawn = resampled_totals(np.hstack([part for pair in totals for part in pair]), seed)
    parts = np.split(drawn, 2 * len(totals), axis=1)
    replicates = means(parts[::2], parts[1::2])
    ranks, all_ranks = rank(observed[None], falling)[0], rank(replicates, falling)
    shares = np.stack([(all_ranks == place).mean(axis=0) for place in range(1, len(totals) + 1)], axis=1)
    return RankStability(
        ranks=tuple(int(place) for place in ranks),
        shares=shares,
        unchanged=float((all_ranks == ranks).all(axis=1).mean()),
        by="the mean of the ranks case by case" if infinite else "the mean",
    )


def means(sums: Sequence[np.ndarray], sizes: Sequence[np.ndarray]) -> np.ndarray:
    """Return (..., models): the mean over classes of each model's sums / sizes (..., classes)."""
    return np.stack([mean_over_classes(*pair) for pair in zip(sums, sizes, strict=True)], axis=-1)


def rank(values: np.ndarray, falling: bool) -> np.ndarray:
    """Return ranks (n, models) from 1 of values (n, models); what differs by rounding only ties, at the better rank."""
    signed = -values if falling else values
    margin = 1e-9 * np.abs(signed).max(axis=1, keepdims=True)
    ahead: np.ndarray = signed[:, None, :] < (signed - margin)[:, :, None]
    # A resample may leave a model without a value (NaN compares as not ahead): it goes last.
    ahead |= np.isnan(signed)[:, :, None] & ~np.isnan(signed)[:, None, :]
    places: np.ndarray = ahead.sum(axis=2) + 1
    return places


def case_ranks(values: np.ndarray, higher_is_better: bool) -> np.ndarray:
    """Return the rank of each model on each case and class (models, cases, classes), ties averaged, NaN kept out."""
    from scipy.stats import rankdata

    ranks: np.ndarray = rankdata(-values if higher_is_better else values, axis=0, nan_policy="omit")
    return ranks
