import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segkit.report.pictures import CasePicture, choose_cases

SCORES = st.dictionaries(st.text(min_size=1, max_size=4), st.floats(0, 1) | st.just(math.nan), max_size=12)


@given(SCORES)
def test_worst_median_and_best_are_order_statistics(scores):
    """Worst and best are the extremes, and half of the cases lie on each side of the median."""
    chosen = dict(choose_cases(scores))
    finite = [value for value in scores.values() if not math.isnan(value)]
    assert len(set(chosen.values())) == len(chosen) == (min(3, len(finite)) if len(finite) < 10 else 5)
    if len(finite) >= 2:
        assert scores[chosen["worst"]] == min(finite)
        assert scores[chosen["best"]] == max(finite)
    if len(finite) >= 3:
        middle = scores[chosen["median"]]
        assert sum(value <= middle for value in finite) >= len(finite) / 2
        assert sum(value >= middle for value in finite) >= len(finite) / 2


@given(SCORES)
def test_choice_does_not_depend_on_the_order_of_cases(scores):
    """The same scores in another order choose the same cases."""
    assert choose_cases(dict(reversed(scores.items()))) == choose_cases(scores)


def test_of_many_cases_the_three_worst_are_shown():
    """They come first, in their order."""
    chosen = choose_cases({f"c{number:02d}": number / 10 for number in range(11)})
    assert chosen[:3] == [("worst", "c00"), ("second worst", "c01"), ("third worst", "c02")]
    assert chosen[3:] == [("median", "c05"), ("best", "c10")]


def test_one_case_is_only():
    """A single case is shown once, and called neither worst nor best."""
    assert choose_cases({"a": 0.5, "b": math.nan}) == [("only", "a")]


def test_two_cases_have_no_median():
    """Two cases are shown as worst and best."""
    assert choose_cases({"a": 0.5, "b": 0.2}) == [("worst", "b"), ("best", "a")]


def test_distances_are_worst_where_largest():
    """Where lower is better, a missed structure's infinite distance is the worst."""
    chosen = choose_cases({"a": 3.0, "b": math.inf, "c": 1.0}, higher_is_better=False)
    assert chosen == [("worst", "b"), ("median", "a"), ("best", "c")]


def test_picture_of_mismatched_mask_is_refused():
    """A mask on another grid than the image names the case."""
    image = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ValueError, match="picture of c1: prediction"):
        CasePicture("c1", "worst", image, np.zeros((4, 6), int), np.zeros((6, 4), int), 0.5, "dice")
