"""Whole runs of overlapping classes: they are learnt, scored one by one, written, explained, repeated and resumed."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch

from segkit.config import Layer
from segkit.data.class_masks import is_class
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry
from segkit.engine.checkpoint import read_model
from segkit.engine.predictions import read_prediction
from segkit.engine.progress import Progress
from segkit.errors import SegkitError, UsageError
from segkit.explain import read_explanation
from segkit.jobs.run import RunResult, run_job
from segkit.model import load_model
from segkit.planning.plan import Plan, make_plan
from segkit.planning.scoring import check_task
from segkit.planning.trained import TrainedModel

WAYS = {
    "images": ("nested", {}),
    "slices": ("shells", {}),
    "slab": ("shells", {"data.slab": 3}),
    "patches": ("shells", {}),
}


@pytest.fixture
def registry(toy_registry: Registry) -> Registry:
    """The toy plugins, that of overlapping classes too."""
    toy_registry.add(Plugin("segkit-toy-overlap", "1.0", EntryPoint("overlap", "segkit_toy_overlap", "segkit")))
    assert not toy_registry.failed, toy_registry.failed[0].reason
    return toy_registry


@pytest.fixture(autouse=True)
def quick_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page out where a test does not look at it."""
    if "with_report" not in request.keywords:
        monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)


def plan_of(registry: Registry, way: str, **values: object) -> Plan:
    """Plan a run with settings written as section__field=value."""
    data, more = WAYS[way]
    flags = {name.replace("__", "."): value for name, value in values.items()}
    arch = "solid" if data == "shells" else "net"
    chosen = {"components.arch": arch, "components.data": data, "run.device": "cpu", "data.mode": way, **more}
    return make_plan([Layer("flag", chosen | flags)], registry, {})


def run(registry: Registry, way: str, **values: object) -> RunResult:
    """Carry out a toy run."""
    return run_job(plan_of(registry, way, **values), None, Progress())


def sha(result: RunResult) -> str:
    """The hash of a run's model file."""
    return hashlib.sha256((result.folder / "model.safetensors").read_bytes()).hexdigest()


def rows_of(folder: Path) -> list[dict[str, str]]:
    """What cases.csv holds."""
    with (folder / "cases.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("way", WAYS)
def test_scores_are_those_of_the_files_class_by_class(registry: Registry, way: str) -> None:
    """What cases.csv says of every case and class follows from prediction and mask files, read anew and counted."""
    plan = plan_of(registry, way)
    result = run_job(plan, None, Progress())
    assert read_model(result.folder / "model.safetensors")[1]["task"]["overlapping"] is True
    cases = {case.id: case for case in plan.cases[plan.split]}
    for row in rows_of(result.folder):
        case = cases[row["case"]]
        mask = plan.reader.read(case).mask
        found = read_prediction(plan.reader, result.folder / "predictions", case)
        label = plan.task.classes.index(row["class"]) + 1
        one, other = is_class(found, label, plan.reader.task), is_class(mask, label, plan.reader.task)
        assert (int(row["predicted"]), int(row["reference"])) == (one.sum(), other.sum())
        total = one.sum() + other.sum()
        assert float(row["share"]) == pytest.approx(2 * (one & other).sum() / total if total else np.nan, nan_ok=True)


def test_crossing_classes_are_both_learnt(registry: Registry) -> None:
    """A pixel of two classes is predicted as both: more pixels of the stripe than where nothing else is."""
    result = run(registry, "images", train__epochs=30, augment__warp=0.0)
    both = 0
    for row in rows_of(result.folder):
        if row["class"] != "whole":
            assert float(row["share"]) > 0.5, row
    plan = plan_of(registry, "images")
    for case in plan.cases["test"]:
        found = read_prediction(plan.reader, result.folder / "predictions", case)
        both += np.count_nonzero(found[0] & found[2])
    assert both > 50


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("way", ["images", "patches"])
def test_a_stopped_run_resumes_to_the_same_model(
    registry: Registry, way: str, exclusive: bool, same_when_resumed: Callable[..., object]
) -> None:
    """Stopped within an epoch, resumed with other workers: the undisturbed run's file; some cases partly annotated."""
    common = {"run__threads": 1, "data__partial": True, "data__exclusive": exclusive, "train__batch_size": 2}
    same_when_resumed(partial(plan_of, registry, way, **common), registry)


def test_a_loaded_model_predicts_what_was_scored(registry: Registry) -> None:
    """The checkpoint alone gives what the run wrote, (classes, H, W); mirrored copies are averaged class by class."""
    plan = plan_of(registry, "images")
    result = run_job(plan, None, Progress())
    model = load_model(result.folder / "model.safetensors", "cpu", registry)
    assert model.task.overlapping
    assert model.image_task.overlapping
    case = plan.cases["test"][0]
    image = plan.reader.read(case).image
    found = model.predict(image)
    assert np.array_equal(found, read_prediction(plan.reader, result.folder / "predictions", case))
    (_, values), *_ = model.predictor.probabilities(image)
    assert np.array_equal(found, (values > 0.5).numpy())
    mirrored = model.adjusted(mirror=True).predictor
    (_, averaged), *_ = mirrored.probabilities(image)
    copies = [
        torch.sigmoid(mirrored._restored(mirrored.prepare(image).flip(axes), image.shape[1:])).flip(axes)[0]
        for axes in ((), (2,), (3,), (2, 3))
    ]
    assert torch.allclose(averaged, torch.stack(copies).mean(0).detach(), atol=1e-5)


@pytest.mark.with_report
@pytest.mark.parametrize("way", ["images", "slices"])
def test_it_is_explained_and_reported(registry: Registry, way: str) -> None:
    """Every class has a map of its own pixels, and the page names all of them."""
    result = run(
        registry, way, components__explainers=("shine",), explain__classes=3, explain__seeds=1, explain__steps=2
    )
    index = json.loads((result.folder / "explanations" / "index.json").read_text())
    maps = [one for entry in index["explained"] for one in entry["maps"]]
    assert {one["class"] for one in maps} >= {"whole"}
    explanation = read_explanation(result.folder / "explanations" / maps[0]["file"])
    assert np.isfinite(explanation.heat).all()
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("whole", "core", "stripe"))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"components__loss": "bernoulli"}, "loss bernoulli does not say that it can deal with overlapping classes"),
        ({"components__metrics": ("overlap",)}, "metric overlap does not say"),
        ({"components__explainers": ("glow",)}, "explainer glow does not say"),
        ({"evaluate__background": True}, "there is no background among them"),
    ],
)
def test_what_cannot_is_refused_before_torch(registry: Registry, values: dict[str, object], told: str) -> None:
    """A component that has not declared it never meets overlapping classes; the sentence names those that can."""
    with pytest.raises(UsageError, match=told):
        plan_of(registry, "images", **values)


def test_a_model_of_exclusive_classes_is_not_scored_on_overlapping_ones(registry: Registry) -> None:
    """Nor the other way round: the numbers of the classes are the same and mean something else."""
    plan, other = plan_of(registry, "images"), plan_of(registry, "images", data__exclusive=True)
    for one, two in ((plan, other), (other, plan)):
        model = TrainedModel(Path("m"), {}, one.task, one.reader.task, one.size, None)
        with pytest.raises(UsageError, match="overlap"):
            check_task(model, two.reader, two.data)


@pytest.mark.parametrize("exclusive", [False, True])
def test_partly_annotated_cases_count_where_they_are(registry: Registry, exclusive: bool) -> None:
    """Scores have n per class; nothing is said of a class that nobody looked for."""
    result = run(registry, "images", data__partial=True, data__exclusive=exclusive)
    statuses = {(row["case"], row["class"]): row["status"] for row in rows_of(result.folder)}
    assert statuses["test-1", "core"] == "unannotated"
    assert statuses["test-0", "core"] != "unannotated"
    summary = json.loads((result.folder / "summary.json").read_text())
    n_cases = {row["class"]: row["n_cases"] for row in summary["scores"] if row["metric"] == "share"}
    assert (n_cases["whole"], n_cases["core"], n_cases["stripe"]) == (3, 2, 3)


def test_contradictory_annotation_is_refused(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that is marked where the case says that nobody looked for it."""
    import segkit_toy_overlap as toy

    plan = plan_of(registry, "images", data__partial=True)
    real = toy.Nested.read
    monkeypatch.setattr(toy.Nested, "read", lambda self, case: real(self, toy.segkit.Case(case.id, files=case.files)))
    with pytest.raises(SegkitError, match="of class core, for which the case says it was not annotated"):
        run_job(plan, None, Progress())
