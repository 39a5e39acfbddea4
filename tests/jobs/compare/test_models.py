"""Which runs are one model: by recipe, seed and fold, however they are ordered."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from segkit.errors import SegkitError
from segkit.jobs.compare.models import distinct, gather, group_runs, label_of, mean_over_seeds, model_of
from segkit.jobs.compare.runs import read_runs


def run(name: str, seed: int | None = 0, fold: int | None = None) -> SimpleNamespace:
    """A finished run, as far as a model looks at it."""
    return SimpleNamespace(seed=seed, fold=fold, folder=Path(name), record=SimpleNamespace(name=name))


def test_means_over_seeds_are_of_those_that_have_a_number() -> None:
    """Infinite where one is; NaN where none has one."""
    values = np.array([[0.5, math.nan, math.nan, 1.0], [1.0, 0.25, math.nan, math.inf]])
    np.testing.assert_array_equal(mean_over_seeds(values), [0.75, 0.25, math.nan, math.inf])


def test_a_model_s_runs_are_ordered_by_seed_and_fold() -> None:
    """However they are given; a run that names neither is the first."""
    folds = [run("d", 1, 1), run("b", 0, 1), run("c", 1, 0), run("a", 0, 0)]
    model = model_of("net", folds)
    assert [[one.folder.name for one in repeat] for repeat in model.repeats] == [["a", "b"], ["c", "d"]]
    assert [one.folder.name for one in model.runs] == ["a", "b", "c", "d"]
    unsaid = model_of("net", [run("second", 1), run("first", None)])
    assert [one.folder.name for one in unsaid.runs] == ["first", "second"]


def test_every_seed_needs_every_fold() -> None:
    """The one that lacks it is named; a run without folds has the first one."""
    with pytest.raises(SegkitError, match="model net: seed 1 lacks a fold that others have"):
        model_of("net", [run("a", 0, 0), run("b", 0, 1), run("c", 1, 0)])
    with pytest.raises(SegkitError, match="lacks a fold"):
        model_of("net", [run("a", 0, 1), run("b", 1, None)])
    assert len(model_of("net", [run("a", 0, 0), run("b", 1, None)]).repeats) == 2


@pytest.mark.parametrize(
    ("runs", "label"),
    [
        ([run("net-seed3", 3)], "net-seed3"),
        ([run("net-seed3", 3), run("net-seed4", 4)], "net"),
        ([run("net-seed3-fold1", 3, 1), run("net-seed3-fold0", 3, 0)], "net"),
        ([run("plain", 3), run("plain", 4)], "plain"),
    ],
)
def test_a_model_is_called_by_its_first_run_without_seed_and_fold(runs: list, label: str) -> None:
    """Only where there are several."""
    assert label_of(runs) == label


@pytest.mark.parametrize(
    ("labels", "folders", "names"),
    [
        (["a", "b"], ["x", "y"], ["a", "b"]),
        (["a", "a", "b"], ["x", "y", "z"], ["x", "y", "b"]),
        (["a", "a"], ["x", "x"], ["x", "x (2)"]),
    ],
)
def test_equal_names_are_told_apart(labels: list[str], folders: list[str], names: list[str]) -> None:
    """By the run directories, and those by a number."""
    assert distinct(labels, folders) == names


def test_models_scored_on_other_cases_are_not_compared(runs, make_masks) -> None:
    """The first case that only one of them has is named, with both; in two folds no case is scored twice."""
    masks = make_masks(4)
    fewer = {case: pair for case, pair in masks.items() if case not in ("case-001", "case-003")}
    names = {"whole": masks, "part": fewer}
    models = group_runs(read_runs([runs(name, made, config={"run.name": name}) for name, made in names.items()]))
    with pytest.raises(SegkitError, match="whole and part differ in cases, such as case-001; score alike"):
        gather(models, ["overlap"])
