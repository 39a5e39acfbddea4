"""Comparisons against closed forms, enumeration and scipy."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from segkit.statistics import compare_paired, holm, summarize


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    """No comparison may warn about ties, zeros or empty slices."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def two_models(n, gain, seed=0):
    """Scores of the same cases, one model better by `gain` but for noise."""
    rng = np.random.default_rng(seed)
    worse = rng.beta(8, 2, n)
    return worse + gain + rng.normal(0, 0.05, n), worse


def test_difference_of_the_means_and_its_interval():
    """The interval is that of the difference of paired means, as scipy's BCa gives it up to resampling noise."""
    first, second = two_models(80, 0.03)
    found = compare_paired(first, second)
    assert found.difference.mean == pytest.approx(first.mean() - second.mean())
    reference = stats.bootstrap(
        (first, second),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        paired=True,
        n_resamples=20_000,
        method="BCa",
        rng=np.random.default_rng(1),
    ).confidence_interval
    width = reference.high - reference.low
    assert (found.difference.ci_low, found.difference.ci_high) == pytest.approx(tuple(reference), abs=0.05 * width)
    assert found.difference.method == "BCa bootstrap over cases, 95 %"


def test_pairing_is_used():
    """Cases that are hard for both widen each mean's interval but not that of the difference."""
    first, second = two_models(80, 0.03)
    alone, paired = summarize(first), compare_paired(first, second).difference
    assert paired.ci_high - paired.ci_low < 0.6 * (alone.ci_high - alone.ci_low)


def test_sides_swap():
    """Second against first is the same with the other sign."""
    first, second = two_models(41, 0.02)
    there, back = compare_paired(first, second), compare_paired(second, first)
    assert back.difference.mean == -there.difference.mean
    assert (back.higher, back.lower, back.p_value) == (there.lower, there.higher, there.p_value)
    assert there.higher + there.lower == 41
    noise = 0.06 * (there.difference.ci_high - there.difference.ci_low)
    assert -back.difference.ci_high == pytest.approx(there.difference.ci_low, abs=noise)


def test_a_model_against_itself():
    """No difference, and p = 1."""
    _, scores = two_models(60, 0)
    found = compare_paired(scores, scores)
    assert (found.p_value, found.higher, found.equal, found.lower) == (1.0, 0, 60, 0)
    assert (found.difference.mean, found.difference.note) == (0.0, "no interval: all cases are alike")


def test_p_value_is_that_of_all_sign_flips():
    """Under no difference every sign is as likely: the share of the 2^9 rank sums at least as extreme."""
    differences = np.array([0.5, -0.1, 0.9, 1.4, -0.3, 2.0, 0.7, 1.1, -0.6])
    ranks = stats.rankdata(np.abs(differences))
    sums = np.array([ranks[list(signs)].sum() for signs in itertools.product([False, True], repeat=9)])
    observed, centre = ranks[differences > 0].sum(), ranks.sum() / 2
    expected = np.mean(np.abs(sums - centre) >= abs(observed - centre))
    assert compare_paired(differences, np.zeros(9)).p_value == pytest.approx(expected)


def test_p_value_with_zeros_and_ties():
    """The normal approximation after Pratt, written out: zeros are ranked, then dropped."""
    differences = np.repeat([0.0, 1.0, -1.0, 2.0, -3.0, 4.0], [10, 18, 12, 16, 6, 8])
    ranks = stats.rankdata(np.abs(differences))
    kept = ranks[differences != 0]
    z = (ranks[differences > 0].sum() - kept.sum() / 2) / ((kept**2).sum() / 4) ** 0.5
    found = compare_paired(differences, np.zeros(70))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert (found.higher, found.equal, found.lower) == (42, 10, 18)


@pytest.mark.parametrize("zeros", [0, 3, 55])
def test_few_differences_are_counted_out(zeros):
    """With ties and among zeros too: the share of the 2^8 choices of signs at least as extreme, ranks after Pratt."""
    differences = np.concatenate([[0.5, -0.5, 0.9, 1.4, 0.5, 2.0, -0.7, 1.4], np.zeros(zeros)])
    ranks = stats.rankdata(np.abs(differences))[:8]
    sums = np.array([ranks[list(signs)].sum() for signs in itertools.product([False, True], repeat=8)])
    observed, centre = ranks[differences[:8] > 0].sum(), ranks.sum() / 2
    expected = np.mean(np.abs(sums - centre) >= abs(observed - centre))
    assert compare_paired(differences, np.zeros(8 + zeros)).p_value == pytest.approx(expected)
    few = np.concatenate([np.full(5, 0.1), np.zeros(zeros)])
    assert compare_paired(few, np.zeros(5 + zeros)).p_value == pytest.approx(2 / 2**5)


def test_wrong_rejections_are_as_rare_as_promised():
    """Of 400 comparisons of equal models about 5 % have p <= 0.05, and as many intervals exclude 0."""
    rng = np.random.default_rng(2)
    found = [compare_paired(rng.normal(0, 1, 40), np.zeros(40)) for _ in range(400)]
    assert 0.02 <= np.mean([one.p_value <= 0.05 for one in found]) <= 0.085
    assert 0.02 <= np.mean([not one.difference.ci_low <= 0 <= one.difference.ci_high for one in found]) <= 0.1


def test_patients_enter_once():
    """Each patient's cases seen five times over change neither p-value nor interval; as cases they would."""
    first, second = two_models(40, 0.02)
    patients = np.repeat([str(i) for i in range(40)], 5)
    many = compare_paired(np.repeat(first, 5), np.repeat(second, 5), list(patients))
    once = compare_paired(first, second)
    assert many.p_value == pytest.approx(once.p_value)
    assert many.difference.ci_low == pytest.approx(once.difference.ci_low)
    assert (many.higher, many.difference.method) == (once.higher, "BCa bootstrap over patients, 95 %")
    assert compare_paired(np.repeat(first, 5), np.repeat(second, 5)).p_value < 0.1 * once.p_value


def test_classes_weigh_alike_within_a_patient():
    """Mean over the patient's cases of each class, then over its classes; absent ones are left out."""
    first = np.array([[0.9, 0.5], [0.7, np.nan], [0.2, np.nan]])
    second = np.array([[0.8, 0.9], [0.6, np.nan], [0.1, np.nan]])
    found = compare_paired(first, second, ["a", "a", "b"])
    assert (found.higher, found.lower, found.note) == (1, 1, "")
    assert found.difference.mean == pytest.approx((0.1 - 0.4) / 2)


def test_missed_structures_count():
    """Missed by both: no difference. Missed by one: out of the mean, said so, and the largest rank in the test."""
    first = np.array([1.0, 2.0, np.inf, np.inf, 3.0])
    second = np.array([1.5, 2.6, np.inf, 4.0, 3.7])
    found = compare_paired(first, second)
    assert found.difference.mean == pytest.approx((-0.5 - 0.6 + 0 - 0.7) / 4)
    assert found.difference.note.startswith("mean of the finite values, 1 are infinite")
    assert (found.higher, found.equal, found.lower) == (1, 1, 3)
    finite = compare_paired(np.where(np.isinf(first), 1e6, first), np.where(np.isinf(second), 1e6, second))
    assert found.p_value == finite.p_value


def test_pairs_that_miss_a_score_are_said():
    """A case undefined in one is left out and counted; undefined in both it is nobody's difference."""
    first, second = two_models(40, 0.05)
    gaps = np.array([np.nan, np.nan])
    found = compare_paired([*first, *gaps], [*second, np.nan, 0.5])
    without = compare_paired(first, second)
    assert (found.p_value, found.difference) == (without.p_value, without.difference)
    assert (found.note, without.note) == ("left out as undefined in one of the two: 1", "")


def test_nothing_to_compare():
    """No pair at all: None and the reason."""
    found = compare_paired(np.full(3, np.nan), np.ones(3))
    assert (found.p_value, found.difference.mean, found.difference.note) == (None, None, "no values")
    assert (found.higher, found.equal, found.lower) == (0, 0, 0)


@pytest.mark.parametrize(("first", "second"), [((3,), (4,)), ((3, 2), (3, 1)), ((2, 2, 2), (2, 2, 2))])
def test_other_shapes_are_refused(first, second):
    """Scores that cannot be of the same cases and classes."""
    with pytest.raises(ValueError, match="shape"):
        compare_paired(np.ones(first), np.ones(second))


def test_holm_by_hand():
    """Times what is left, never falling, at most 1; None is no member of the family."""
    found = holm([0.01, None, 0.04, 0.03, 0.005, 0.9])
    assert found[1] is None
    assert [found[i] for i in (0, 2, 3, 4, 5)] == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.9])
    assert holm([0.7, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values, level):
    """Holm as published: go up the sorted p-values while p <= level / (number left)."""
    adjusted = holm(p_values)
    rejected = set()
    for step, place in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[place] * (len(p_values) - step) > level:
            break
        rejected.add(int(place))
    assert {place for place, p in enumerate(adjusted) if p <= level} == rejected
