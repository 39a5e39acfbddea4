"""Agreement of volumes against closed forms, numpy and scipy."""

import pytest

pytest.importorskip("segkit_extras")

import math

import numpy as np
from scipy import stats

from segkit import Measurement, Task
from segkit_extras import agreement

TASK = Task(1, ("a", "b"), 3)
PAIRS = [(12, 10), (20, 25), (31, 30), (40, 47), (0, 5)]


def case(predicted: int, reference: int, spacing: tuple[float, ...] | None = (10.0, 10.0, 10.0)) -> Measurement:
    """A case with so many voxels, of 1 ml each, of class a; class b is nowhere."""
    prediction, mask = np.zeros((2, 1, 4, 25), np.uint8)
    prediction.ravel()[:predicted], mask.ravel()[:reference] = 1, 1
    return agreement.measure(prediction, mask, spacing, TASK, {})


def test_bias_is_the_difference_in_ml() -> None:
    """With its sign; pixels where there is no spacing; nothing where both lack the class."""
    score = agreement.bias(TASK, None)
    np.testing.assert_allclose(score(case(12, 10)), [2, math.nan])
    np.testing.assert_allclose(score(case(0, 5, (5.0, 10.0, 10.0))), [-2.5, math.nan])
    np.testing.assert_allclose(score(case(12, 10, None)), [2, math.nan])


def test_limits_are_bland_and_altman_s() -> None:
    """Mean difference and 1.96 standard deviations, n - 1; a case without the class on either side is none of them."""
    cases = [case(*pair) for pair in PAIRS] + [case(0, 0)]
    differences = np.array([predicted - reference for predicted, reference in PAIRS])
    lower = agreement.lower_limit(TASK, agreement.Limits())(cases)
    upper = agreement.upper_limit(TASK, agreement.Limits(factor=2.0))(cases)
    np.testing.assert_allclose(lower, [differences.mean() - 1.96 * differences.std(ddof=1), math.nan])
    np.testing.assert_allclose(upper, [differences.mean() + 2 * differences.std(ddof=1), math.nan])
    assert np.isnan(agreement.lower_limit(TASK, agreement.Limits())(cases[:1])).all()


def test_correlation_is_scipy_s_and_concordance_falls_with_a_bias() -> None:
    """Pearson's r is 1 of volumes that are all twice too large; Lin's coefficient, written out, is not."""
    cases = [case(*pair) for pair in PAIRS] + [case(0, 0)]
    one, other = np.array(PAIRS, float).T
    pearson = agreement.correlation(TASK, agreement.Correlation())
    lin = agreement.correlation(TASK, agreement.Correlation(form="concordance"))
    np.testing.assert_allclose(pearson(cases), [stats.pearsonr(one, other).statistic, math.nan])
    shared = 2 * np.cov(one, other, ddof=0)[0, 1]
    wanted = shared / (one.var() + other.var() + (one.mean() - other.mean()) ** 2)
    np.testing.assert_allclose(lin(cases), [wanted, math.nan])
    double = [case(2 * size, size) for size in (5, 10, 20)]
    assert pearson(double)[0] == pytest.approx(1)
    assert lin(double)[0] < 0.7
    assert np.isnan(pearson([case(3, 5), case(4, 5)])[0])
