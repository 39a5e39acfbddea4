"""Summaries and verdicts of a comparison, against numbers worked out by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from segkit.jobs.compare.analysis import (
    analyse,
    class_mean,
    class_mean_of_case,
    judge,
    most_disagreed,
    spread,
)
from segkit.jobs.compare.models import gather, group_runs
from segkit.jobs.compare.runs import read_runs

NAN, INF = math.nan, math.inf


def test_means_over_classes_leave_out_what_has_no_number() -> None:
    """Each class counts once, however many of its cases have a number; a class without any does not count."""
    table = np.array([[0.5, NAN, NAN], [1.0, 0.25, NAN], [NAN, INF, NAN]])
    assert class_mean(table) == pytest.approx((0.75 + 0.25) / 2)
    assert class_mean(np.full((2, 2), NAN)) is None
    np.testing.assert_array_equal(class_mean_of_case(np.array([[0.5, NAN], [0.5, 1.0], [NAN, NAN]])), [0.5, 0.75, NAN])


def test_how_far_models_are_apart() -> None:
    """Infinitely where one missed what another found, nothing where both did; unknown where one alone has a score."""
    scores = np.array([[0.5, INF, INF, 1.0, NAN], [0.75, 2.0, INF, NAN, NAN], [0.25, 3.0, INF, NAN, NAN]])
    np.testing.assert_array_equal(spread(scores), [0.5, INF, 0.0, NAN, NAN])


def test_the_cases_that_models_are_furthest_apart_on() -> None:
    """The furthest first, equal ones by name, those on which all agree not at all."""
    data = SimpleNamespace(cases=("d", "c", "b", "a", "e"))
    analysis = SimpleNamespace(spread=np.array([0.5, 0.0, INF, 0.5, NAN]), data=data)
    assert most_disagreed(analysis, 9) == [2, 3, 0]
    assert most_disagreed(analysis, 2) == [2, 3]


def compared(low: float | None, high: float | None, *, higher: int = 20, lower: int = 5, infinite: int = 0):
    """Two models, as far as a verdict looks at them."""
    return SimpleNamespace(
        difference=SimpleNamespace(ci_low=low, ci_high=high), higher=higher, lower=lower, infinite=infinite
    )


@pytest.mark.parametrize(
    ("paired", "p_value", "verdict", "reason"),
    [
        (compared(0.1, 0.3), 0.01, "first", ""),
        (compared(-0.3, -0.1, higher=5, lower=20), 0.01, "second", ""),
        (compared(0.1, 0.3), 0.05, "first", ""),
        (compared(0.1, 0.3), 0.051, "unsure", "such a difference is not rare by chance"),
        (compared(0.1, 0.3), None, "unsure", "no case has a score in both"),
        (compared(0.0, 0.0, higher=0, lower=0), 1.0, "equal", ""),
        (compared(0.1, 0.3, higher=2, lower=1), 0.01, "unsure", "they differ on 3 only, too few for any test"),
        (compared(0.0, 0.3), 0.01, "unsure", "the test finds a difference, but the interval of the mean holds 0"),
        (compared(-0.3, 0.0), 0.01, "unsure", "the test finds a difference, but the interval of the mean holds 0"),
        (compared(None, None), 0.01, "unsure", "the test finds a difference, but the interval of the mean holds 0"),
        (compared(-0.3, -0.1), 0.01, "unsure", "most cases differ one way, their mean the other"),
        (compared(None, None, infinite=3), 0.01, "first", ""),
        (compared(-0.1, 0.3, infinite=3, higher=5, lower=20), 0.01, "second", ""),
        (compared(-0.3, -0.1, infinite=3), 0.01, "unsure", "most cases differ one way, their mean the other"),
        (compared(None, None, infinite=3, higher=9, lower=9), 0.01, "unsure", "most cases differ one way, their mean"),
    ],
)
def test_a_verdict_needs_test_and_interval_to_agree(paired, p_value, verdict: str, reason: str) -> None:
    """Of infinite differences there is no mean, so the test alone speaks; where smaller is better all turns round."""
    found = judge(paired, p_value, higher_is_better=True)
    assert found[0] == verdict
    assert found[1].startswith(reason)
    assert (found[1] == "") == (reason == "")
    turned = {"first": "second", "second": "first"}
    assert judge(paired, p_value, higher_is_better=False)[0] == turned.get(verdict, verdict)


def test_missed_and_spurious_are_counted_over_classes_and_averaged_over_seeds(runs, make_masks) -> None:
    """Of both classes of every case in each seed, counted again here from the masks."""
    masks = make_masks(30, classes=2)
    without = {
        case: (reference, np.where(prediction == 2, 0, prediction)) for case, (reference, prediction) in masks.items()
    }
    seeds = {"good": (masks, without), "bad": (without, without)}
    folders = [
        runs(
            f"{name}-{seed}",
            made,
            config={"run.seed": seed, "run.name": name, "train.epochs": number},
            classes=("x", "y"),
        )
        for number, (name, listed) in enumerate(seeds.items(), start=1)
        for seed, made in enumerate(listed)
    ]
    models = group_runs(read_runs(folders))
    analysis = analyse(models, gather(models, ["overlap"]))

    def counted(made, *, first: int) -> int:
        """Classes that one of the two has and the other has not."""
        return sum(
            (pair[first] == label).any() and not (pair[1 - first] == label).any()
            for pair in made.values()
            for label in (1, 2)
        )

    for model, listed in enumerate(seeds.values()):
        score = analysis.score(model, "overlap", analysis.overall)
        assert score.missed == pytest.approx(np.mean([counted(made, first=0) for made in listed]))
        assert score.spurious == pytest.approx(np.mean([counted(made, first=1) for made in listed]))
    assert counted(without, first=0) >= 30
