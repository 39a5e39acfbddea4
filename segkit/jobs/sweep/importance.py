"""How much of the spread of the trials' ranks each setting explains by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segkit.contracts import SearchedSetting, Trial

BINS = 4
PER_BIN = 3
"""Trials of a part of a range, at least: fewer say nothing of its mean."""


def importance(setting: SearchedSetting, trials: Sequence[Trial]) -> float | None:
    """Return epsilon squared, 0 to 1, of the ranks of scores between values, or parts of a range; None for too few.

    Kelley's correction of eta squared (Kelley 1935): a setting without effect has 0 on average, whatever the number of
    its values. What settings do together only is in none of them.
    """
    scored = [(trial.values[setting.name], trial.score) for trial in trials if trial.score is not None]
    if len(scored) < 2 * PER_BIN:
        return None
    groups = groups_of(setting, [value for value, _ in scored])
    ranks = ranked(np.array([score for _, score in scored], np.float64))
    k, n = len(set(groups.tolist())), len(ranks)
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if k < 2 or n <= k or total == 0:
        return 0.0 if total == 0 else None
    within = sum(
        float(((part - part.mean()) ** 2).sum()) for part in (ranks[groups == g] for g in set(groups.tolist()))
    )
    return max(0.0, 1 - within / total * (n - 1) / (n - k))


def groups_of(setting: SearchedSetting, values: Sequence[str]) -> np.ndarray:
    """Number the group of each value: its own of choices, of a range the quarter of the trials that it is in."""
    if setting.choices:
        return np.array([setting.choices.index(value) for value in values])
    bins = max(2, min(BINS, len(values) // PER_BIN))
    ranks = ranked(np.array([float(value) for value in values]))
    return np.minimum((ranks - 0.5) / len(values) * bins, bins - 1).astype(int)


def ranked(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values with the mean of theirs."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)
