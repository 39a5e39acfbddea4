"""What models cost, from what their runs say of themselves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from segkit.jobs.compare.costs import case_seconds, mean_of, setting_differences, train_seconds


def run(history=(), seconds=None, cases=0, settings=()):
    """A finished run as far as its costs go."""
    listed = [SimpleNamespace(name=name, value=value) for name, value in settings]
    rows = [SimpleNamespace(case=str(number)) for number in range(cases) for _ in range(2)]
    record = SimpleNamespace(history=list(history), summary={"seconds": seconds or {}}, cases=rows, settings=listed)
    return SimpleNamespace(record=record)


def test_a_mean_needs_every_run():
    """One that does not say leaves none; no run at all neither."""
    assert mean_of([1, 2], lambda one: one * 1.5) == pytest.approx(2.25)
    assert mean_of([1, 2], lambda one: None if one == 1 else 3.0) is None
    assert mean_of([], lambda one: 1.0) is None


def test_seconds_of_training_are_those_of_the_epochs():
    """The stage's own time where an epoch has none; None where nobody says."""
    assert train_seconds(run([{"seconds": 2.0}, {"seconds": 3.5}], {"train": 9.0})) == 5.5
    assert train_seconds(run([{"seconds": 2.0}, {}], {"train": 9.0})) == 9.0
    assert train_seconds(run([], {"train": 9})) == 9.0
    assert train_seconds(run([], {"train": "long"})) is None
    assert train_seconds(run()) is None


def test_seconds_of_a_case_count_each_case_once():
    """A case has a row per class."""
    assert case_seconds(run(seconds={"evaluate": 6.0}, cases=3)) == 2.0
    assert case_seconds(run(seconds={"evaluate": 6.0})) is None
    assert case_seconds(run(seconds={"evaluate": None}, cases=3)) is None


def test_only_settings_that_differ_are_shown():
    """With a dash where a model has none."""
    models = [
        SimpleNamespace(runs=[run(settings=[("arch.width", 8), ("train.epochs", 2), ("loss.dice.smooth", 1)])]),
        SimpleNamespace(runs=[run(settings=[("arch.width", 16), ("train.epochs", 2)])]),
    ]
    assert setting_differences(models) == {"arch.width": [8, 16], "loss.dice.smooth": [1, "–"]}
