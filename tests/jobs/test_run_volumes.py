"""Whole runs on toy volumes in each mode: they repeat, they resume, and the checkpoint says how it was made."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.checkpoint import read_model
from segkit.engine.progress import Progress
from segkit.errors import SegkitError, UsageError
from segkit.explain import read_explanation
from segkit.jobs.run import RunResult, run_job
from segkit.planning.plan import Plan, make_plan
from segkit.rundir.resume import Resume

MODES = {"slices": {}, "slab": {"data.slab": 3}, "patches": {"data.patches": 3}}


@pytest.fixture(autouse=True)
def quick_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page out where a test does not look at it: drawing it takes longer than the toy run."""
    if "with_report" not in request.keywords:
        monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)


def plan_of(registry: Registry, mode: str | None, **values: object) -> Plan:
    """Plan a toy run with settings written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    chosen = {"components.arch": "solid", "components.data": "blocks", "run.device": "cpu"}
    chosen |= {"data.mode": mode, **MODES[mode]} if mode else {}
    return make_plan([Layer("flag", chosen | flags)], registry, {})


def run(registry: Registry, mode: str, **values: object) -> RunResult:
    """Carry out a toy run."""
    plan = plan_of(registry, mode, **values)
    return run_job(plan, None, Progress())


def sha(result: RunResult) -> str:
    """The hash of a run's model file."""
    return hashlib.sha256((result.folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_learns_repeats_and_scores_whole_volumes(toy_registry: Registry, mode: str) -> None:
    """The loss falls, any number of workers gives the same file, and scores are those of the files' own voxels."""
    first = run(toy_registry, mode, run__workers=0, train__epochs=4)
    assert sha(run(toy_registry, mode, run__workers=3, train__epochs=4)) == sha(first)
    history = [json.loads(line) for line in (first.folder / "history.jsonl").open()]
    assert history[-1]["loss"] < history[0]["loss"]
    assert 0 <= history[-1]["val"]["overlap@store"] <= 1
    with (first.folder / "cases.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    plan = plan_of(toy_registry, mode)
    for case in plan.cases["val"]:
        sample = plan.reader.read(case)
        for label, name in enumerate(plan.task.classes, start=1):
            (row,) = [row for row in rows if (row["case"], row["class"]) == (case.id, name)]
            assert int(row["reference"]) == np.count_nonzero(sample.mask == label)


def test_the_checkpoint_says_how_images_are_given(toy_registry: Registry) -> None:
    """Mode, size, spacing, slab, overlap and normalisation; the network's task counts the slices of a slab."""
    header = read_model(run(toy_registry, "patches", train__epochs=1).folder / "model.safetensors")[1]
    assert header["preprocessing"] == {
        "mode": "patches",
        "size": [8, 16, 16],
        "spacing": [1.5, 0.5, 0.5],  # the median of 1, 2, 1, 2
        "slab": 1,
        "overlap": 0.5,
        "mirror": False,
        "mirrored": ["depth", "height", "width"],
        "normalization": {"kind": "body", "mean": [], "std": []},
    }
    header = read_model(run(toy_registry, "slab", train__epochs=1).folder / "model.safetensors")[1]
    assert (header["preprocessing"]["slab"], header["task"]["in_channels"], header["task"]["spatial_dims"]) == (3, 3, 2)


def test_a_stopped_run_on_volumes_resumes_to_the_same_weights(
    toy_registry: Registry, same_when_resumed: Callable[..., tuple[RunResult, Resume]]
) -> None:
    """Stopped in the middle of an epoch of patches and resumed with other workers: the undisturbed run's file."""
    _, stopped = same_when_resumed(partial(plan_of, toy_registry, "patches", run__threads=1), toy_registry, after=4)
    assert stopped.config.values["data.mode"] == "patches"


@pytest.mark.parametrize("kind", ["unit", "image", "dataset", "ct"])
def test_every_normalisation_trains(toy_registry: Registry, kind: str) -> None:
    """Each kind makes a model whose header has the numbers that are for all cases."""
    result = run(toy_registry, "slices", data__normalization=kind, train__epochs=1, data__patches=2)
    numbers = read_model(result.folder / "model.safetensors")[1]["preprocessing"]["normalization"]
    assert numbers["kind"] == kind
    if kind == "ct":
        # Foreground is 150 and 400 alone.
        assert (numbers["low"], numbers["high"]) == ([pytest.approx(150, abs=1)], [pytest.approx(400, abs=1)])
    assert bool(numbers["mean"]) == (kind in ("dataset", "ct"))


def test_the_first_mode_that_the_architecture_supports_is_taken(toy_registry: Registry) -> None:
    """Slices for a network that works in both; the recipe is that of the mode."""
    assert plan_of(toy_registry, None).config.data.mode == "slices"
    assert plan_of(toy_registry, None).size == (16, 16)
    assert plan_of(toy_registry, "patches").size == (8, 16, 16)
    assert plan_of(toy_registry, "slab").task.in_channels == 3


def test_the_plan_follows_the_training_volumes(toy_registry: Registry) -> None:
    """Spacing is their median; the recipe's sizes shrink to the median volume, what people say does not."""
    plan = plan_of(toy_registry, "patches")
    assert plan.config.data.spacing == (1.5, 0.5, 0.5)
    assert plan.config.sources["data.spacing"] == "median of the training cases"
    blocks = type(plan.reader)
    large = {**blocks.recipe, "data.size": 64, "patches": {"data.size": (64, 64, 16)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "recipe", large)
        fitted = plan_of(toy_registry, "patches")
        shapes = np.array([plan.reader.read(case).shape for case in plan.cases["train"]])
        spacings = np.array([plan.reader.read(case).spacing for case in plan.cases["train"]])
        working = np.median(np.round(shapes * spacings / (1.5, 0.5, 0.5)), axis=0)
        expected = [min(side, 8 * int(-(-length // 8))) for side, length in zip((64, 64, 16), working, strict=True)]
        assert list(fitted.size) == expected
        assert fitted.config.sources["data.size"] == "recipe of blocks, no larger than the median training case"
        assert plan_of(toy_registry, "slices").size == (24, 24)
        assert plan_of(toy_registry, "slices", data__size=64).size == (64, 64)


@pytest.mark.parametrize(
    ("mode", "values", "said"),
    [
        ("slab", {"data__slab": 4}, "give an odd number"),
        ("patches", {"data__spacing": "1,1"}, "all three axes"),
        ("slices", {"data__window": "5"}, "lowest and a highest"),
        ("slices", {"data__window": "5,-5"}, "lowest and a highest"),
        ("patches", {"data__size": "16,16"}, "2 numbers"),
    ],
)
def test_settings_that_cannot_be_meant(toy_registry: Registry, mode: str, values: dict, said: str) -> None:
    """A usage error before anything is read."""
    with pytest.raises(UsageError, match=said):
        plan_of(toy_registry, mode, **values)


def test_a_patient_in_two_splits_is_leakage(toy_registry: Registry) -> None:
    """The error names the patient and both splits."""
    with pytest.raises(SegkitError, match=r"patient anna is in train \(case train-0\) and in val \(case val-0\)"):
        plan_of(toy_registry, "slices", data__shared="true")


def test_body_normalisation_is_not_for_photographs(toy_registry: Registry) -> None:
    """It needs a whole volume."""
    flags = {"components.arch": "net", "components.data": "squares", "data.normalization": "body"}
    plan = make_plan([Layer("flag", flags)], toy_registry, {})
    with pytest.raises(UsageError, match="is for volumes"):
        run_job(plan, None, Progress())


@pytest.mark.parametrize("mode", ["slices", "slab", pytest.param("patches", marks=pytest.mark.with_report)])
def test_a_run_explains_volumes(toy_registry: Registry, mode: str) -> None:
    """Every chosen case has a heat map on its own grid and a panel; of patches the page is looked at too."""
    chosen = {"components__explainers": ("glow",), "explain__steps": 2, "explain__seeds": 1, "explain__layer": "auto"}
    result = run(toy_registry, mode, train__epochs=1, **chosen)
    folder = result.folder / "explanations"
    explained = json.loads((folder / "index.json").read_text())["explained"]
    cases = {case.id: case for case in plan_of(toy_registry, mode).cases["val"]}
    assert {entry["case"] for entry in explained} <= set(cases)
    page = result.folder / "report.html"
    assert page.exists() == (mode == "patches")
    reader = plan_of(toy_registry, mode).reader
    for entry in explained:
        shape = reader.read(cases[entry["case"]]).mask.shape
        assert all(read_explanation(folder / one["file"]).heat.shape == shape for one in entry["maps"])
        assert all(one["evidence"]["words"] for one in entry["maps"])
        assert (folder / entry["panel"]).read_bytes().startswith(b"\x89PNG")
        assert mode != "patches" or f"{entry['case']}: image" in page.read_text(encoding="utf-8")
