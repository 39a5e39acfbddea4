"""Resampling and the BCa interval against plain loops and closed forms."""

import numpy as np
import pytest
from scipy import stats

from segkit.statistics import intervals
from segkit.statistics.intervals import RESAMPLES, bca_interval, resampled_totals
from segkit.statistics.units import influence, mean_over_classes


def test_totals_are_of_units_drawn_with_replacement():
    """Mean and variance of resampled totals are those of the multinomial; columns of one draw belong together."""
    values = np.random.default_rng(0).beta(8, 2, 40)
    drawn = resampled_totals(np.stack([values, np.ones(40), 2 * values], axis=1), seed=3)
    assert drawn.shape == (RESAMPLES, 3)
    assert (drawn[:, 1] == 40).all()
    assert drawn[:, 2] == pytest.approx(2 * drawn[:, 0])
    variance = 40 * values.var()
    assert drawn[:, 0].mean() == pytest.approx(values.sum(), abs=4 * (variance / RESAMPLES) ** 0.5)
    assert drawn[:, 0].var() == pytest.approx(variance, rel=0.06)


def test_every_unit_is_drawn_alike():
    """First and last unit come as often as any other, also across blocks."""
    times = resampled_totals(np.eye(7), seed=0).sum(axis=0)
    assert stats.chisquare(times).pvalue > 0.001


def test_blocks_change_nothing(monkeypatch):
    """The draws are the same however few fit at a time."""
    whole = resampled_totals(np.arange(9.0)[:, None], seed=1)
    monkeypatch.setattr(intervals, "ELEMENTS_AT_A_TIME", 100)
    assert (resampled_totals(np.arange(9.0)[:, None], seed=1) == whole).all()


def test_interval_of_lognormal_replicates_is_exact():
    """Efron's example: where a transformation makes the statistic normal, the interval is that of the transform.

    Replicates exp(z) of an estimate exp(0.2) with no acceleration: the bias is 0.2 and the ends exp(2 * 0.2 -+ 1.96).
    """
    z = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    low, high = bca_interval(np.exp(0.2), np.array([-1.0, 1.0]), np.exp(z), 0.95)
    assert np.log([low, high]) == pytest.approx([0.4 - 1.959964, 0.4 + 1.959964], abs=2e-3)


def test_skewness_moves_both_ends():
    """Acceleration, by the formula written out: a right-skewed sample has its interval further right."""
    pull = np.array([-1.0, -1.0, -1.0, -1.0, 4.0])
    z = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    found = bca_interval(0.0, pull, z, 0.95)
    a = (64 - 4) / (6 * 20**1.5)
    assert found == pytest.approx((-1.959964 / (1 + a * 1.959964), 1.959964 / (1 - a * 1.959964)), abs=2e-3)


@pytest.mark.parametrize(("miss", "hit"), [(0.0, 1.0), (0.1, 0.7), (1e-9, 2e-9), (1000.1, 1000.2)])
def test_ties_with_the_estimate_count_half(miss, hit):
    """20 hits, 20 misses: no bias, no skewness, so the ends are 14 and 26 hits, quantiles of the binomial.

    One replicate in eight equals the estimate, for most values but for rounding.
    """
    values = np.repeat([miss, hit], 20)
    replicates = resampled_totals(values[:, None], 0)[:, 0] / 40
    found = bca_interval(values.mean(), values - values.mean(), replicates, 0.95)
    expected = stats.binom.ppf([0.025, 0.975], 40, 0.5)
    assert (np.array(found) - miss) / (hit - miss) * 40 == pytest.approx(expected, abs=1e-6)


def test_confidence_near_one_reaches_the_extremes():
    """Past the pole of the formula the end is the largest replicate, not one that turns back."""
    replicates = np.random.default_rng(0).normal(size=1000)
    pull = np.array([-1.0] * 30 + [30.0])
    _, high = bca_interval(replicates.max(), pull, replicates, 1 - 1e-12)
    assert high == replicates.max()


def test_influence_is_the_jackknife_in_the_limit():
    """Weighing one unit a little more moves the mean over classes by its influence."""
    rng = np.random.default_rng(1)
    sizes = rng.integers(0, 4, (12, 3)).astype(float)
    sizes[:, 2] = 0
    sums = rng.random((12, 3)) * sizes
    mean = mean_over_classes(sums.sum(axis=0), sizes.sum(axis=0))
    pull = influence(sums, sizes)
    for unit in range(12):
        weights = 1 + 1e-6 * (np.arange(12) == unit)[:, None]
        moved = mean_over_classes((weights * sums).sum(axis=0), (weights * sizes).sum(axis=0))
        assert (moved - mean) / 1e-6 * 12 == pytest.approx(pull[unit], abs=1e-4)
    assert pull.sum() == pytest.approx(0, abs=1e-12)
