"""Risk and coverage, rank correlation: closed forms, scipy, and intervals."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from segkit.statistics.failure_ranking import rank_failures, risk_coverage


def test_the_area_is_the_mean_of_cumulative_means():
    """Of three cases in the order of trust."""
    trust, risk = np.array([0.9, 0.5, 0.7]), np.array([0.1, 0.6, 0.3])
    assert risk_coverage(trust, risk) == pytest.approx((0.1 + 0.2 + 1 / 3) / 3)


def test_equal_trust_is_no_order():
    """All cases trusted alike have the area of no order, whatever their place in the list."""
    risk = np.random.default_rng(0).random(20)
    assert risk_coverage(np.ones(20), risk) == pytest.approx(risk.mean())
    assert risk_coverage(np.ones(20), np.sort(risk)) == pytest.approx(risk.mean())


def test_the_best_order_goes_all_the_way():
    """An expected score that is the score; one that is its opposite is worse than none."""
    score = np.random.default_rng(1).random(40)
    found = rank_failures(score, score)
    assert found.gained == pytest.approx(1)
    assert found.spearman == pytest.approx(1)
    assert rank_failures(-score, score).gained < 0
    assert found.best == pytest.approx(found.aurc)
    assert found.random == pytest.approx(1 - score.mean())


def test_the_correlation_is_scipys_and_lies_in_its_interval():
    """With ties."""
    draw = np.random.default_rng(2)
    score = np.round(draw.random(60), 1)
    expected = np.round(score + draw.normal(0, 0.3, 60), 1)
    found = rank_failures(expected, score)
    assert found.spearman == pytest.approx(spearmanr(expected, score).statistic)
    assert found.spearman_interval[0] < found.spearman < found.spearman_interval[1]
    assert found.aurc_interval[0] < found.aurc < found.aurc_interval[1]


def test_too_few_cases_have_no_order_and_what_is_undefined_is_left_out():
    """Two cases, and a NaN among four."""
    assert rank_failures(np.array([0.1, 0.2]), np.array([0.5, 0.6])) is None
    found = rank_failures(np.array([0.1, np.nan, 0.3, 0.4]), np.array([0.2, 0.3, 0.4, 0.5]))
    assert found.n == 3
