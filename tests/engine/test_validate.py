"""Validation on the working grid: what threads score is what one would."""

import numpy as np
import pytest

from segkit import Case, Measurement, Metric, Task
from segkit.engine.measure import ChosenMetric
from segkit.engine.selection import Figure
from segkit.engine.validate import Prediction, scored, validation
from segkit.params import NoParams

TASK = Task(1, ("a",))


def measure(prediction, mask, spacing, task, options) -> Measurement:
    hit = np.array([np.count_nonzero(prediction & mask)])
    return Measurement(hit, np.array([prediction.sum()]) - hit, np.array([mask.sum()]) - hit, hit * 0, mask.shape)


def overlap() -> ChosenMetric:
    declaration = Metric(name="overlap", factory="m:f", measure="m:counts", summary="x", params=NoParams)
    return ChosenMetric(
        declaration, NoParams(), measure, lambda found: 2 * found.true_positive / (found.reference + found.predicted)
    )


def predictions(count: int):
    generator = np.random.default_rng(0)
    for place in reversed(range(count)):
        labels, mask = generator.integers(0, 2, (2, 9, 9), dtype=np.uint8)
        yield Prediction(place, Case(str(place)), labels, mask, None)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_threads_change_no_mean(workers: int) -> None:
    """The mean over cases equals one taken by hand to the last bit, in the store's order."""
    by_place = {
        found.place: 2 * np.count_nonzero(found.labels & found.mask) / (int(found.labels.sum()) + int(found.mask.sum()))
        for found in predictions(20)
    }
    expected = float(np.array([by_place[place] for place in range(20)]).mean())
    rows = scored(predictions(20), TASK, [overlap()], workers)
    found = validation(rows, [overlap()], 25)
    assert found.figures["overlap@store"] == Figure(expected, 20, 0)
    assert (found.cases, found.total) == (20, 25)
