"""What is explained is what the run predicts: post-processing counts, by whichever way a case is explained."""

import shutil
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from segkit.config import Layer
from segkit.engine.progress import Progress
from segkit.jobs.explain import cases
from segkit.jobs.explain.subject import Subject, explain_subject
from segkit.model import load_model


class Everything:
    """A predictor of photographs that finds the class everywhere."""

    volumes = False
    image_dims = 2

    def labels(self, image: np.ndarray, shape: tuple[int, ...], spacing: object) -> np.ndarray:
        return np.ones(shape, np.uint8)


def test_a_prediction_is_post_processed_before_it_is_explained() -> None:
    """Targets such as "predicted" are taken from what was scored, not from what the network said first."""
    image = np.zeros((3, 6, 7), np.uint8)
    subject = Subject("a", image, image)
    _, prediction = explain_subject(subject, Everything(), [], None, lambda labels: labels * (np.arange(7) < 3), print)
    assert prediction.sum() == 18
    _, prediction = explain_subject(subject, Everything(), [], None, None, print)
    assert prediction.sum() == 42


@pytest.fixture
def applied(monkeypatch) -> list[int]:
    """How many of 81 pixels the post-processing leaves that each explanation is told of."""
    found: list[int] = []

    def explain(subject, predictor, explainers, wish, postprocess, tell):
        found.append(int(postprocess(np.ones((9, 9), np.uint8)).sum()))
        return [], None

    monkeypatch.setattr(cases, "explain_subject", explain)
    return found


def test_a_run_s_explanations_are_of_what_it_scores(applied: list[int], toy_registry, tmp_path: Path) -> None:
    """The settings of section evaluate reach the stage that explains."""
    from segkit.planning.plan import make_plan

    flags = {"components.arch": "net", "components.data": "squares", "components.explainers": "glow"}
    plan = make_plan([Layer("flag", {**flags, "evaluate.minimum_size": 100})], toy_registry, {})
    job = SimpleNamespace(plan=plan, progress=Progress(), folder=tmp_path)
    case = plan.cases["test"][0].id
    cases.explain_cases(job, SimpleNamespace(size=(9, 9), volumes=False), [("best", case)], {case: 0.5}, "overlap")
    assert applied == [0]


@pytest.mark.parametrize("found", [True, False])
def test_what_is_explained_of_a_run_is_written_with_its_classes(
    monkeypatch, toy_registry, tmp_path: Path, found: bool
) -> None:
    """And with a word on generated data; where nothing can be explained nothing is written."""
    from segkit.planning.plan import make_plan

    written = []
    maps = ["a map"] if found else []
    monkeypatch.setattr(cases, "explain_subject", lambda *_: (maps, np.ones((9, 9), np.uint8)))
    monkeypatch.setattr(cases, "write_explained", lambda *given, **named: written.append((given, named)))
    flags = {"components.arch": "net", "components.data": "squares", "components.explainers": "glow", "data.classes": 2}
    plan = make_plan([Layer("flag", flags)], toy_registry, {})
    job = SimpleNamespace(plan=plan, progress=Progress(), folder=tmp_path)
    chosen = [("worst", plan.cases["test"][1].id), ("best", plan.cases["test"][0].id)]
    values = {case: number / 2 for number, (_, case) in enumerate(chosen)}
    cases.explain_cases(job, SimpleNamespace(size=(9, 9), volumes=False), chosen, values, "overlap")
    assert len(written) == (2 if found else 0)
    for ((place, subject, _, maps_of), named), (label, case) in zip(written, chosen, strict=False):
        assert (place, maps_of) == (tmp_path / "explanations", maps)
        assert (subject.name, subject.label, subject.score, subject.score_name) == (
            case,
            label,
            values[case],
            "overlap",
        )
        assert named["classes"] == ("class-1", "class-2")
        assert "generated" in named["notice"].lower()


@pytest.mark.parametrize("of_files", [True, False])
def test_explain_counts_the_run_s_post_processing(applied: list[int], toy_run, toy_registry, of_files: bool) -> None:
    """Of scored cases and of files alike, also from a checkpoint alone: it is part of the model."""
    from PIL import Image

    from segkit.engine.checkpoint import read_model, save_model
    from segkit.errors import SegkitError

    _, header = read_model(toy_run / "model.safetensors")
    model = load_model(toy_run / "model.safetensors", "cpu", toy_registry)
    kept = {key: value for key, value in header.items() if key != "format"}
    save_model(toy_run / "model.safetensors", model.predictor.model, {**kept, "postprocess": {"minimum_size": 100}})
    shutil.copy(toy_run / "model.safetensors", "alone.safetensors")
    model = load_model(Path("alone.safetensors"), "cpu", toy_registry)
    flags = Layer("flag", {"components.explainers": "glow", "explain.cases": "best", "explain.layer": "0"})
    order = cases.make_order(model, [flags], toy_registry, environ={})
    Image.fromarray(np.zeros((30, 30, 3), np.uint8)).save("a.png")
    with suppress(SegkitError):  # the stand-in explains nothing
        if of_files:
            cases.explain_files(order, [Path("a.png")], None, Path("out"), Progress())
        else:
            cases.explain_scored(toy_run, order, toy_registry, Path("out"), Progress())
    assert applied == [0]


def test_an_image_too_large_to_explain_is_told_and_left_out(monkeypatch) -> None:
    """Nothing is found, no prediction is made, and the way out is named."""
    monkeypatch.setattr("segkit.jobs.explain.subject.MOST_PIXELS", 41)
    image = np.zeros((3, 6, 7), np.uint8)
    told: list[str] = []
    found, prediction = explain_subject(Subject("a", image, image), Everything(), [], None, None, told.append)
    assert found == []
    assert prediction.size == 0
    assert told == ["a is not explained: it has 6 x 7 pixels, and at most 41 are; save it smaller"]
