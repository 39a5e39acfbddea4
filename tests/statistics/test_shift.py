"""Which numbers of new cases are far out, and how often that is said of cases like the earlier ones."""

import numpy as np
import pytest
from scipy.stats import permutation_test

from segkit.statistics.shift import DRAWS, LEVEL, far_out, smallest_p


@pytest.fixture
def source() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_p_value_of_one_number_is_that_of_scipy(source: np.random.Generator) -> None:
    """Where all ways of dealing are looked at, the exact permutation test of the difference of two means."""
    earlier, new = source.normal(size=30), source.normal(size=2) + 4

    def difference(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(one.mean(axis=axis) - other.mean(axis=axis))

    expected = permutation_test((new, earlier), difference, n_resamples=np.inf, alternative="greater", vectorized=True)
    [found] = far_out(earlier[:, None], new[:, None])
    assert found.p == pytest.approx(expected.pvalue)
    assert found.new[1] == pytest.approx(np.median(new))


def test_cases_drawn_alike_are_named_as_seldom_as_promised(source: np.random.Generator) -> None:
    """Of 300 comparisons of 20 numbers that hang together, at most those that LEVEL and chance allow."""
    alarms = 0
    for _ in range(300):
        rows = np.exp(source.normal(size=(60, 4)) @ source.normal(size=(4, 20)) + source.normal(size=(60, 20)))
        alarms += bool(far_out(rows[:48], rows[48:]))
    assert alarms <= 300 * LEVEL + 3 * np.sqrt(300 * LEVEL)


def test_one_case_is_named_among_enough_earlier_ones(source: np.random.Generator) -> None:
    """One new case of 120, far out in one of twenty numbers, in which all others are alike or equal."""
    earlier = source.normal(size=(120, 20))
    earlier[:, 3] = 1.5
    new = source.normal(size=(1, 20))
    new[0, 3] = 2.5
    assert [(item.column, item.earlier, item.new[1]) for item in far_out(earlier, new)] == [(3, (1.5, 1.5, 1.5), 2.5)]
    assert smallest_p(120, 1) <= LEVEL < smallest_p(90, 1)


def test_what_is_sure_and_small_is_not_far_out(source: np.random.Generator) -> None:
    """A difference of a third of a deviation is beyond doubt over 500 cases, and changes no score."""
    rows = source.normal(size=(1000, 5))
    rows[500:] += 1 / 3
    assert far_out(rows[:500], rows[500:]) == []
    rows[500:] += 1
    assert [item.p for item in far_out(rows[:500], rows[500:])] == [1 / DRAWS] * 5


def test_numbers_that_are_not_known_say_nothing(source: np.random.Generator) -> None:
    """A column that one side lacks is silent; one that some cases lack is compared over the others."""
    earlier, new = source.normal(size=(50, 3)), source.normal(size=(10, 3))
    earlier[:, 0] = np.nan
    new[::2, 1] = np.nan
    new[1::2, 1] += 9
    assert [item.column for item in far_out(earlier, new)] == [1]


def test_equal_columns_are_silent() -> None:
    """What all cases have alike, to the last bit of a sum or not, tells nobody from anybody."""
    rows = np.full((30, 2), 0.1) + np.array([0, 1e-17])
    assert far_out(rows[:20], rows[20:]) == []
