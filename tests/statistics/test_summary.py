"""Summaries of scores against closed forms, scipy and simulation."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segkit.statistics import intervals, summarize


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    """No summary may warn about empty slices or divisions."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def scores(n, seed=0):
    """Skewed scores like those of a segmentation."""
    return np.random.default_rng(seed).beta(8, 2, n)


def scipy_interval(samples, statistic):
    """The 95 % BCa interval of scipy, by the jackknife, from 20,000 resamples."""
    low, high = stats.bootstrap(
        samples,
        statistic,
        paired=len(samples) > 1,
        n_resamples=20_000,
        method="BCa",
        rng=np.random.default_rng(1),
    ).confidence_interval
    return low, high


def test_closed_forms():
    """Mean, deviation with n - 1, and median of a small sample."""
    found = summarize(np.array([1.0, 2.0, 3.0, 10.0]))
    assert (found.mean, found.median, found.n) == (4.0, 2.5, 4)
    assert found.std == pytest.approx((50 / 3) ** 0.5)
    assert found.method == "BCa bootstrap over cases, 95 %"


def test_interval_is_near_the_t_interval_of_normal_values():
    """For 200 normal values both ends agree with Student's to a tenth of the half width."""
    values = np.random.default_rng(3).normal(5, 2, 200)
    low, high = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
    found = summarize(values)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), abs=0.1 * (high - low) / 2)
    assert found.note == ""


def test_interval_agrees_with_scipy():
    """scipy's BCa with its own random numbers gives the same interval up to resampling noise."""
    values = scores(60)
    reference = scipy_interval((values,), np.mean)
    found = summarize(values)
    assert (found.ci_low, found.ci_high) == pytest.approx(reference, abs=0.05 * (reference[1] - reference[0]))


def test_groups_of_one_are_cases():
    """Patients with one case each give the interval of the cases."""
    values = scores(40)
    alone, grouped = summarize(values), summarize(values, [f"patient {i}" for i in range(40)])
    assert (grouped.ci_low, grouped.ci_high) == (alone.ci_low, alone.ci_high)
    assert grouped.method == alone.method == "BCa bootstrap over cases, 95 %"


def test_patients_are_resampled_together():
    """Repeating every case five times as one patient's leaves the interval as it was; as cases it would shrink."""
    values = scores(50)
    repeated, patients = np.repeat(values, 5), [f"patient {i}" for i in np.repeat(np.arange(50), 5)]
    once, grouped, naive = summarize(values), summarize(repeated, patients), summarize(repeated)
    assert (grouped.ci_low, grouped.ci_high) == pytest.approx((once.ci_low, once.ci_high))
    assert grouped.n == 250
    assert grouped.method == "BCa bootstrap over patients, 95 %"
    assert naive.ci_high - naive.ci_low < 0.6 * (grouped.ci_high - grouped.ci_low)


def test_interval_of_unequal_patients_agrees_with_scipy():
    """scipy's BCa of the ratio of the patients' totals to their numbers of cases; skewed, and larger ones worse."""
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 9, 35)
    patients = [np.clip(rng.beta(8, 1 + size / 2) + rng.normal(0, 0.03, size), 0, 1) for size in sizes]
    found = summarize(np.concatenate(patients), [str(i) for i, size in enumerate(sizes) for _ in range(size)])
    totals = np.array([scores.sum() for scores in patients])
    reference = scipy_interval((totals, sizes), lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis))
    assert (found.ci_low, found.ci_high) == pytest.approx(reference, abs=0.05 * (reference[1] - reference[0]))


def test_cases_without_a_patient_stand_alone():
    """None is not a patient that many cases share."""
    values = scores(40)
    assert summarize(values, [None] * 40).ci_low == summarize(values).ci_low


def test_coverage():
    """The interval of 60 scores with 8 % zeros contains the true mean in about 95 % of 400 samples."""
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(400):
        found = summarize(rng.beta(20, 2, 60) * (rng.random(60) >= 0.08))
        hits += found.ci_low <= 0.92 * 20 / 22 <= found.ci_high
    assert 0.92 <= hits / 400 <= 0.98


@pytest.mark.parametrize(
    ("values", "groups", "note"),
    [
        ([], None, "no values"),
        ([np.nan, np.nan], None, "no values"),
        ([0.5, np.nan], None, "no interval: one case"),
        ([0.7] * 50, None, "no interval: all cases are alike"),
        ([0.0] * 50, None, "no interval: all cases are alike"),
        ([0.2, 0.9], ["p", "p"], "no interval: one patient"),
        ([0.2, 0.9, 0.9, 0.2], ["p", "p", "q", "q"], "no interval: all patients are alike"),
    ],
)
def test_no_interval_where_none_can_be_made(values, groups, note):
    """Nothing, one case, one patient or a constant: None and the reason, without a warning."""
    found = summarize(np.array(values), groups)
    assert (found.ci_low, found.ci_high, found.method, found.note) == (None, None, "", note)
    assert (found.mean is None) == (found.n == 0)
    assert (found.std is None) == (found.n < 2)


def test_few_patients_are_said_to_be_few():
    """The number that counts is that of the resampled units."""
    assert summarize(scores(29)).note == "interval too narrow: n < 30"
    assert summarize(scores(30)).note == ""
    assert summarize(scores(60), [str(i // 3) for i in range(60)]).note == "interval too narrow: n < 30"


def test_result_is_a_function_of_the_arguments(monkeypatch):
    """Equal seeds give equal intervals, however the work is split; other seeds and levels others."""
    values = scores(50)
    found = summarize(values)
    assert summarize(values) == found
    assert summarize(values, seed=1).ci_low != found.ci_low
    assert summarize(values, confidence=0.8).ci_low > found.ci_low
    monkeypatch.setattr(intervals, "ELEMENTS_AT_A_TIME", 333)
    split = summarize(values)
    assert (split.ci_low, split.ci_high) == pytest.approx((found.ci_low, found.ci_high), rel=1e-12)


@settings(max_examples=25)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40))
def test_interval_lies_within_the_values(values):
    """Resampled means never leave the range of the values."""
    found = summarize(np.array(values))
    if found.ci_low is not None:
        slack = 1e-9 * max(1.0, *map(abs, values))
        assert min(values) - slack <= found.ci_low <= found.ci_high <= max(values) + slack


def test_undefined_values_are_left_out():
    """NaN changes nothing but the case's place; a patient without any value is not a unit."""
    values = scores(40)
    padded = np.insert(values, [0, 7, 40], np.nan)
    found = summarize(padded, [str(i) for i in range(43)])
    assert found == summarize(values)


def test_infinite_values_are_counted_and_reach_the_median_only():
    """Two missed structures of three leave a finite mean, an infinite median and a note."""
    found = summarize(np.array([1.0, np.inf, np.inf]))
    assert (found.mean, found.n, found.median) == (1.0, 1, np.inf)
    assert found.note == "mean of the finite values, 2 are infinite; no interval: one case"


def test_mean_over_cases_then_classes():
    """Every class weighs the same, however many cases have it; a class that no case has is left out."""
    table = np.array([[0.2, np.nan, np.nan], [0.4, np.nan, np.nan], [0.6, 1.0, np.nan]])
    found = summarize(table)
    assert found.mean == pytest.approx((0.4 + 1.0) / 2)
    assert (found.n, found.median) == (4, 0.5)
    assert found.std == pytest.approx(np.std([0.2, 0.4, 0.6, 1.0], ddof=1))


def test_interval_over_classes_resamples_whole_cases():
    """A class that repeats another leaves the interval; independent ones narrow it; a plain loop agrees."""
    table = np.random.default_rng(2).beta(8, 2, (50, 2))
    one, twice, both = summarize(table[:, 0]), summarize(table[:, [0, 0]]), summarize(table)
    assert (twice.ci_low, twice.ci_high) == pytest.approx((one.ci_low, one.ci_high))
    assert both.ci_high - both.ci_low < 0.9 * (one.ci_high - one.ci_low)
    table[::3, 1] = np.nan
    found = summarize(table)
    reference = scipy_interval(
        tuple(table.T), lambda *columns, axis: np.mean([np.nanmean(column, axis=axis) for column in columns], axis=0)
    )
    assert (found.ci_low, found.ci_high) == pytest.approx(reference, abs=0.06 * (reference[1] - reference[0]))


def test_equal_values_within_each_class_have_no_interval():
    """Two constant classes have no spread to resample, though the table has."""
    found = summarize(np.tile([0.2, 0.9], (40, 1)))
    assert (found.ci_low, found.note) == (None, "no interval: all cases are alike")


@pytest.mark.parametrize(("shape", "groups"), [((), None), ((2, 2, 2), None), ((1,), ["a", "b"])])
def test_bad_arguments_are_refused(shape, groups):
    """Anything but a table with one group per case is a mistake of the caller."""
    with pytest.raises(ValueError, match="values of shape"):
        summarize(np.ones(shape), groups)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_is_a_share(confidence):
    """A percentage in place of a share is a mistake of the caller."""
    with pytest.raises(ValueError, match="confidence"):
        summarize(scores(40), confidence=confidence)
