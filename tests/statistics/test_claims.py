"""The probability that a claim of being better is false: the paper's formula, simulation, and what has none."""

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from segkit.statistics.claims import false_claim_probability


def test_it_is_the_papers_formula_of_means_deviations_and_correlation():
    """t_{n-1}( sqrt(n) (mB - mA) / sqrt(sA^2 + sB^2 - 2 sA sB r) ) of the scores themselves."""
    draw = np.random.default_rng(0)
    a = draw.normal(0.8, 0.1, 40)
    b = a - 0.02 + draw.normal(0, 0.05, 40)
    spread = np.sqrt(a.var(ddof=1) + b.var(ddof=1) - 2 * np.cov(a, b)[0, 1])
    expected = t.cdf(np.sqrt(40) * (b.mean() - a.mean()) / spread, 39)
    assert false_claim_probability(a - b, higher_is_better=True) == pytest.approx(expected, rel=1e-12)
    assert false_claim_probability(a - b, higher_is_better=False) == pytest.approx(1 - expected, rel=1e-9)


def test_it_is_the_one_sided_p_value_of_a_t_test_in_number():
    """With flat priors both numbers are the same; what they mean is not."""
    values = np.random.default_rng(1).normal(0.01, 0.05, 25)
    expected = ttest_1samp(values, 0, alternative="greater").pvalue
    assert false_claim_probability(values, higher_is_better=True) == pytest.approx(expected)


def test_claims_are_false_as_often_as_it_says():
    """True differences drawn widely: of claims with a probability near 0.2 one of five is false."""
    draw = np.random.default_rng(2)
    said, false = [], []
    for _ in range(20_000):
        true = draw.uniform(-1, 1)
        found = false_claim_probability(draw.normal(true, 1, 12), higher_is_better=True)
        if 0.15 < found < 0.25:
            said.append(found)
            false.append(true <= 0)
    assert np.mean(false) == pytest.approx(np.mean(said), abs=0.03)


def test_what_has_no_mean_has_no_probability():
    """One case, an infinite difference; equal scores are a coin toss, and constant differences are sure."""
    assert false_claim_probability(np.array([0.1]), higher_is_better=True) is None
    assert false_claim_probability(np.array([0.1, np.inf]), higher_is_better=True) is None
    assert false_claim_probability(np.zeros(5), higher_is_better=True) == 0.5
    assert false_claim_probability(np.full(5, 0.1), higher_is_better=True) == 0
    assert false_claim_probability(np.full(5, 0.1), higher_is_better=False) == 1
