"""The best epoch by metrics that can fail, against the words of the rule."""

import math
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from segkit.declarations.direction import Direction
from segkit.engine.selection import Best, Figure, Validation
from segkit.engine.state import read_best
from segkit.engine.validate import figure_of
from segkit.statistics.failures import case_value, failures, with_failures


def best_of(figures: list[Figure], *, higher: bool) -> int:
    best = Best()
    for epoch, figure in enumerate(figures, start=1):
        if best.beaten_by(figure, higher):
            best = Best(epoch, figure)
    return best.epoch


def test_an_epoch_that_misses_is_never_better_than_one_that_finds() -> None:
    """Six misses of six, or all but one at a distance of 0.05, lose against no miss at a distance of 30."""
    lower = [Figure(math.nan, 0, 6), Figure(0.05, 1, 5), Figure(30.0, 6), Figure(25.0, 5, 1)]
    assert best_of(lower, higher=False) == 3
    assert best_of(lower[:2], higher=False) == 2
    assert best_of(lower[:1], higher=False) == 1
    higher = [Figure(math.nan, 0, 6), Figure(0.99, 1, 5), Figure(0.1, 6)]
    assert best_of(higher, higher=True) == 3


def test_of_equal_misses_the_mean_decides_and_of_equals_the_first() -> None:
    """Nothing changes for metrics without failures; an epoch without any value is none."""
    assert best_of([Figure(math.nan, 0), Figure(4.0, 5, 1), Figure(3.0, 5, 1), Figure(3.0, 5, 1)], higher=False) == 3
    assert best_of([Figure(0.2), Figure(0.9), Figure(0.4), Figure(0.9)], higher=True) == 2
    assert best_of([Figure(math.nan, 0)] * 2, higher=True) == 0


def test_what_was_kept_and_what_the_history_says_tell_of_the_failures() -> None:
    """Beside the mean stand the values it is of, those that failed, and the cases of how many."""
    best = Best(4, Figure(3.25, 5, 1))
    assert best.described("hd95@store") == "epoch 4, best val/hd95@store, 1 of 6 failed"
    record = Validation({"hd95@store": best.figure}, 6, 52).record()
    assert record == {
        "val": {"hd95@store": 3.25},
        "val_counts": {"hd95@store": {"n": 5, "failed": 1}},
        "val_cases": {"scored": 6, "of": 52},
    }


@pytest.mark.parametrize("higher", [True, False])
def test_failures_are_the_infinitely_bad_and_the_undefined_of_a_miss(higher: bool) -> None:
    """An undefined value of what neither mask has is none, nor is one that is infinitely good."""
    bad, good = (-math.inf, math.inf) if higher else (math.inf, -math.inf)
    values, missed = np.array([bad, math.nan, math.nan, good, 0.0]), np.array([True, True, False, False, True])
    assert failures(values, missed, higher_is_better=higher).tolist() == [True, True, False, False, False]
    told = with_failures(values, missed, higher_is_better=higher)
    assert told[0] == told[1] == bad
    assert math.isnan(told[2])
    assert case_value(values, missed, higher_is_better=higher) == bad
    assert math.isnan(case_value(values[2:3], missed[2:3], higher_is_better=higher))
    assert case_value(np.array([2.0, math.nan, 4.0]), np.zeros(3, bool), higher_is_better=higher) == 3.0


def test_the_best_epoch_of_a_metric_with_a_target_is_the_nearest() -> None:
    """The mean is shown with its sign; what is chosen by is how far the cases are off, and missed cases count first."""
    metric = SimpleNamespace(name="bias", declaration=SimpleNamespace(direction=Direction(target=0.0)))

    def figure(*values: float) -> Figure:
        none = np.zeros(1, bool)
        rows = [SimpleNamespace(values={"bias": np.array([value])}, missed=none) for value in values]
        return figure_of(rows, metric)

    wild, steady, failed = figure(-0.5, 0.5), figure(-0.1, -0.1), figure(0.0, -math.inf)
    assert (wild.mean, wild.distance) == (0.0, 0.5)
    assert (steady.mean, failed.failed) == (pytest.approx(-0.1), 1)
    best = Best(1, wild)
    assert best.beaten_by(steady, False)
    assert not best.beaten_by(failed, False)
    assert read_best({"epoch": 2, **asdict(steady)}, {}).figure == steady
