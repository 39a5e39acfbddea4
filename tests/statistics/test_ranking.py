"""Rank stability against closed forms and properties."""

import numpy as np
import pytest
from scipy import stats

from segkit.statistics import rank_stability


def scores(n, *gains, seed=0):
    """Scores of models on the same cases, each better than the first by its gain but for noise."""
    rng = np.random.default_rng(seed)
    base = rng.beta(8, 2, n)
    return [base + gain + rng.normal(0, 0.05, n) for gain in gains]


def test_first_place_is_as_sure_as_the_bootstrap_of_the_difference():
    """Of two models the better one stays first as often as the mean difference of a resample is above 0."""
    first, second = scores(50, 0.01, 0.0)
    difference = first - second
    expected = stats.norm.sf(0, loc=abs(difference.mean()), scale=difference.std() / 50**0.5)
    found = rank_stability([first, second])
    better = int(difference.mean() < 0)
    assert found.ranks[better] == 1
    assert found.shares[better, 0] == pytest.approx(expected, abs=0.02)
    assert found.unchanged == found.shares[better, 0]
    assert found.shares.sum(axis=1) == pytest.approx([1, 1])


def test_clear_ranks_are_stable_whatever_the_direction():
    """Three models far apart; where lower is better the order turns round."""
    tables = scores(40, 0.0, 0.5, 1.0)
    up, down = rank_stability(tables), rank_stability(tables, higher_is_better=False)
    assert (up.ranks, down.ranks) == ((3, 2, 1), (1, 2, 3))
    assert up.unchanged == down.unchanged == 1.0
    assert np.array_equal(up.shares, np.eye(3)[::-1])


def test_equal_models_share_the_better_rank():
    """Twins are both first in every resample, the third is third."""
    low, high = scores(30, 0.0, 0.5)
    found = rank_stability([high, high.copy(), low])
    assert found.ranks == (1, 1, 3)
    assert found.shares.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 1]]


def test_missed_structures_are_ranked_last_not_left_out():
    """With infinite distances the mean rank decides: the model that misses half is not the best for it."""
    careful = np.linspace(2, 3, 20)
    careless = np.where(np.arange(20) % 2, np.inf, careful - 0.5)
    found = rank_stability([careful, np.where(np.arange(20) < 15, np.inf, 1.0)], higher_is_better=False)
    assert found.ranks == (1, 2)
    assert found.by == "the mean of the ranks case by case"
    tied = rank_stability([careful, careless], higher_is_better=False)
    assert tied.ranks == (1, 1)


def test_patients_are_resampled():
    """Each patient's cases seen five times change no share; gaps are left out."""
    tables = scores(30, 0.01, 0.0)
    patients = list(np.repeat([str(i) for i in range(30)], 5))
    once, many = rank_stability(tables), rank_stability([np.repeat(table, 5) for table in tables], patients)
    assert many.shares == pytest.approx(once.shares)
    gaps = [np.concatenate([table, [np.nan]]) for table in tables]
    assert rank_stability(gaps).ranks == once.ranks


def test_what_cannot_be_ranked_is_refused():
    """Other shapes, and a model without any value."""
    with pytest.raises(ValueError, match="shapes"):
        rank_stability([np.ones(3), np.ones(4)])
    with pytest.raises(ValueError, match="no value"):
        rank_stability([np.ones(3), np.full(3, np.nan)])
