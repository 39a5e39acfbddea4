"""Post-processing: what each step removes or fills, on small pictures."""

import numpy as np
import pytest

from segkit.declarations import Task
from segkit.engine.postprocess import postprocess_record, postprocessing
from segkit.errors import UsageError
from segkit.settings import Evaluate

TASK = Task(1, ("a", "b"))


def picture(*rows):
    """A label map from rows of digits."""
    return np.array([[int(digit) for digit in row] for row in rows], np.uint8)


PREDICTION = picture(
    "1110000",
    "1010020",
    "1110000",
    "0001022",
    "0000022",
)


def test_off_by_default():
    """Nothing is changed unless it is asked for, and the record says so."""
    assert postprocessing(Evaluate(), TASK) is None
    assert postprocess_record(Evaluate()) == {}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            Evaluate(keep_largest=("all",)),
            picture("1110000", "1010000", "1110000", "0001022", "0000022"),
        ),
        (
            Evaluate(keep_largest=("b",), fill_holes=("a",)),
            picture("1110000", "1110000", "1110000", "0001022", "0000022"),
        ),
        (
            Evaluate(minimum_size=5),
            picture("1110000", "1010000", "1110000", "0001000", "0000000"),
        ),
        (
            Evaluate(minimum_size=2, fill_holes=("all",)),
            picture("1110000", "1110000", "1110000", "0001022", "0000022"),
        ),
    ],
)
def test_steps(settings, expected):
    """Components join across corners, holes do not leak through them; the prediction given is left as it is."""
    before = PREDICTION.copy()
    apply = postprocessing(settings, TASK)
    np.testing.assert_array_equal(apply(PREDICTION), expected)
    np.testing.assert_array_equal(PREDICTION, before)


def test_a_hole_that_holds_another_class_keeps_it():
    """Only background is filled."""
    ring = picture("11111", "10201", "11111")
    filled = postprocessing(Evaluate(fill_holes=("a",)), TASK)(ring)
    np.testing.assert_array_equal(filled, picture("11111", "11211", "11111"))


def test_a_class_that_is_not_there_stays_absent():
    """An empty prediction passes."""
    empty = np.zeros((3, 4), np.uint8)
    apply = postprocessing(Evaluate(keep_largest=("all",), minimum_size=9, fill_holes=("all",)), TASK)
    np.testing.assert_array_equal(apply(empty), empty)


def test_volumes():
    """The same in 3D."""
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[:3, :3, :3], labels[1, 1, 1], labels[3, 4, 5] = 1, 0, 1
    found = postprocessing(Evaluate(keep_largest=("a",), fill_holes=("a",)), TASK)(labels)
    assert found.sum() == 27


def test_a_class_that_nobody_has_is_a_usage_error():
    """Named with what there is."""
    with pytest.raises(UsageError, match=r"evaluate\.keep_largest: there is no class 'c'"):
        postprocessing(Evaluate(keep_largest=("c",)), TASK)


def test_the_record_lists_the_steps_in_their_order():
    """What was on, ready for JSON."""
    settings = Evaluate(fill_holes=("all",), minimum_size=20)
    assert list(postprocess_record(settings).items()) == [("minimum_size", 20), ("fill_holes", ["all"])]
