"""A line from signs to scores, and what it misses of cases that it was not fitted to."""

import numpy as np
import pytest

from segkit.statistics.estimating import fit_line, left_out_error


@pytest.mark.parametrize("signs", [1, 2])
def test_a_line_is_that_of_the_least_squares(signs):
    """Where every slope is positive, as numpy finds it."""
    draw = np.random.default_rng(signs)
    table = draw.random((40, signs))
    scores = table @ np.array([0.5, 0.3])[:signs] + 0.1 + draw.normal(0, 0.01, 40)
    slopes, intercept = fit_line(table, scores)
    known = np.linalg.lstsq(np.column_stack([table, np.ones(40)]), scores, rcond=None)[0]
    np.testing.assert_allclose([*slopes, intercept], known, rtol=1e-9)


def test_a_sign_that_scores_fall_with_counts_for_nothing():
    """And one that is the same for all."""
    table = np.column_stack([np.linspace(0, 1, 20), np.full(20, 0.7)])
    slopes, intercept = fit_line(table, 1 - table[:, 0])
    assert slopes.tolist() == [0, 0]
    assert intercept == pytest.approx(0.5)


def test_the_error_is_of_patients_that_were_left_out():
    """All cases of one at once: as many copies of a case as there are tell nothing new."""
    draw = np.random.default_rng(0)
    table, scores = draw.random((8, 1)), draw.random(8)
    alone = left_out_error(table, scores, [None] * 8)
    twice = left_out_error(np.repeat(table, 2, axis=0), np.repeat(scores, 2), [str(n // 2) for n in range(16)])
    assert twice == pytest.approx(alone)
    assert left_out_error(np.repeat(table, 2, axis=0), np.repeat(scores, 2), [None] * 16) < alone


def test_two_patients_draw_no_line():
    """A line through one says nothing of the other."""
    assert np.isnan(left_out_error(np.eye(4)[:, :1], np.ones(4), ["a", "a", "b", "b"]))
