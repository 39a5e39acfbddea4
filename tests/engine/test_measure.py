"""Measuring once, scoring many."""

from dataclasses import dataclass

import numpy as np
import pytest

from segkit.contracts import Measurement
from segkit.data.case import Case
from segkit.declarations import Metric, Task
from segkit.engine.measure import CaseScores, ChosenMetric, score_case
from segkit.errors import SegkitError
from segkit.params import NoParams, param

TASK = Task(1, ("a", "b"))


@dataclass(frozen=True)
class Options:
    tolerance: float = param(1.0, "Tolerance.", measured=True)
    both_empty: float = param(1.0, "Value where both are empty.")


class Counter:
    """A measure function that counts its calls."""

    def __init__(self) -> None:
        self.options: list[dict[str, object]] = []

    def __call__(self, prediction, mask, spacing, task, options) -> Measurement:
        self.options.append(options)
        zeros = np.zeros(len(task.classes), np.int64)
        return Measurement(zeros, zeros, zeros, zeros, mask.shape, spacing)


def metric(name: str, measure: Counter, params: object, values: object = (0.5, 0.7)) -> ChosenMetric:
    declaration = Metric(name=name, factory="m:f", measure="m:counts", summary="x", params=type(params))
    return ChosenMetric(declaration, params, measure, lambda measurement: np.asarray(values))


def test_equal_options_share_one_pass() -> None:
    """Two metrics that measure alike measure once; another measured option measures again."""
    measure = Counter()
    metrics = [
        metric("one", measure, Options()),
        metric("two", measure, Options(both_empty=0.0)),
        metric("three", measure, Options(tolerance=2.0)),
    ]
    mask = np.zeros((4, 4), np.uint8)
    scores = score_case(Case("c"), mask, mask, (1.0, 2.0), TASK, metrics)
    assert measure.options == [{"tolerance": 1.0}, {"tolerance": 2.0}]
    assert scores.values["one"].tolist() == [0.5, 0.7]
    assert metrics[0].convention == "tolerance=1.0, both_empty=1.0"


def test_grids_that_differ_are_an_error() -> None:
    """A prediction on another grid is never scored."""
    with pytest.raises(SegkitError, match="differ in size"):
        score_case(Case("c"), np.zeros((4, 4)), np.zeros((4, 5)), None, TASK, [metric("m", Counter(), NoParams())])


def test_another_number_of_values_is_an_error() -> None:
    """A metric that returns one value for two classes is named."""
    mask = np.zeros((4, 4), np.uint8)
    with pytest.raises(SegkitError, match="metric m returned shape"):
        score_case(Case("c"), mask, mask, None, TASK, [metric("m", Counter(), NoParams(), (0.5,))])


def test_status_names_what_is_there() -> None:
    """Both empty, missed, spurious and ok."""
    scores = CaseScores("c", None, np.array([0, 3, 0, 3]), np.array([0, 0, 2, 2]), {})
    assert [scores.status(label) for label in range(4)] == ["empty", "missed", "spurious", "ok"]


def test_rows_keep_no_more_than_their_counts() -> None:
    """What is kept of a case is a few numbers, not the table that a metric's counts are views of, and no distances."""
    table = np.zeros((4, 1000), np.int64)
    measured = Measurement(*table[:, :2], shape=(2, 2), distances={"far": [np.zeros(9)]})
    mask = np.zeros((2, 2), np.uint8)
    chosen = [metric(name, lambda *_: measured, NoParams()) for name in ("one", "two")]
    kept = score_case(Case("c"), mask, mask, None, TASK, chosen).counts
    assert kept["one"].true_positive.base is None
    assert kept["one"].distances == {}
