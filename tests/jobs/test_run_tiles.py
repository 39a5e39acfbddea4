"""Whole runs on photographs tile by tile: they repeat, they resume, and what is scored is the image's own grid."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import segkit
from segkit import Case, Sample, Task
from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.checkpoint import read_model
from segkit.engine.progress import Progress
from segkit.errors import UsageError
from segkit.jobs.run import RunResult, run_job
from segkit.jobs.stores import tell_thin
from segkit.model import load_model
from segkit.planning.plan import Plan, make_plan
from segkit.rundir.resume import open_run


@pytest.fixture(autouse=True)
def quick_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page out where a test does not look at it: drawing it takes longer than the toy run."""
    if "with_report" not in request.keywords:
        monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)


def plan_of(registry: Registry, **values: object) -> Plan:
    """Plan a toy run in tiles with settings written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    chosen = {"components.arch": "net", "components.data": "squares", "run.device": "cpu"}
    chosen |= {"data.mode": "tiles", "data.size": (16, 16), "data.patches": 3}
    return make_plan([Layer("flag", chosen | flags)], registry, {})


def run(registry: Registry, **values: object) -> RunResult:
    """Carry out a toy run."""
    return run_job(plan_of(registry, **values), None, Progress())


def sha(result: RunResult) -> str:
    """The hash of a run's model file."""
    return hashlib.sha256((result.folder / "model.safetensors").read_bytes()).hexdigest()


def test_tiles_learn_repeat_and_are_scored_on_their_own_grid(toy_registry: Registry) -> None:
    """Any number of workers gives the same file; counts are those of the files' own pixels, as predictions are."""
    first = run(toy_registry, run__workers=0, train__epochs=3)
    assert sha(run(toy_registry, run__workers=3, train__epochs=3)) == sha(first)
    history = [json.loads(line) for line in (first.folder / "history.jsonl").open()]
    assert 0 <= history[-1]["val"]["overlap@store"] <= 1
    with (first.folder / "cases.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    plan, model = plan_of(toy_registry), load_model(first.folder / "model.safetensors", "cpu", toy_registry)
    for case in plan.cases[plan.split]:
        sample = plan.reader.read(case)
        (row,) = [row for row in rows if row["case"] == case.id]
        labels = model.predict(sample.image)
        assert int(row["reference"]) == np.count_nonzero(sample.mask == 1)
        assert int(row["predicted"]) == np.count_nonzero(labels == 1)
        assert labels.shape == sample.shape


def test_the_checkpoint_says_how_images_are_given(toy_registry: Registry) -> None:
    """Mode, size of a tile, resolution and overlap are in the model's header."""
    result = run(toy_registry, train__epochs=1, data__resolution="0.5", evaluate__overlap=0.25)
    found = read_model(result.folder / "model.safetensors")[1]["preprocessing"]
    assert (found["mode"], found["size"], found["resolution"]) == ("tiles", [16, 16], {"scale": 0.5})
    assert found["overlap"] == 0.25


def test_a_stopped_run_on_tiles_resumes_to_the_same_weights(toy_registry: Registry, tmp_path: Path) -> None:
    """Stopped in the middle of an epoch and resumed with other workers: the undisturbed run's file."""

    class Interrupting(Progress):
        steps = 0

        def advance(self, count: int = 1, figures: object = None) -> None:
            self.steps += figures is not None
            if self.steps == 4:
                raise KeyboardInterrupt

    whole = run_job(plan_of(toy_registry, run__name="toy"), tmp_path / "whole", Progress())
    plan = plan_of(toy_registry, run__name="toy", run__save_minutes=0, run__workers=0)
    with pytest.raises(KeyboardInterrupt):
        run_job(plan, tmp_path / "part", Interrupting())
    stopped = open_run(tmp_path / "part")
    again = make_plan([stopped.config], toy_registry, {})
    assert sha(run_job(again, tmp_path / "part", Progress(), stopped)) == sha(whole)


def test_a_field_of_view_counts_alone(tmp_path: Path) -> None:
    """Vessels outside of a round field of view, as eyes are photographed, are neither learnt nor scored."""
    random, (height, width) = np.random.default_rng(0), (120, 140)
    rows, columns = np.mgrid[:height, :width]
    field = (rows - 60) ** 2 + (columns - 70) ** 2 < 50**2
    vessel = (rows + columns) % 25 < 2
    for folder in ("images", "masks", "fov"):
        (tmp_path / "eyes" / folder).mkdir(parents=True)
    for number in range(4):
        image = np.clip(random.normal(120, 10, (height, width, 3)) - 60 * vessel[..., None], 0, 255) * field[..., None]
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / "eyes" / "images" / f"{number}.png")
        Image.fromarray(vessel.astype(np.uint8) * 255).save(tmp_path / "eyes" / "masks" / f"{number}.png")
        Image.fromarray(field.astype(np.uint8) * 255).save(tmp_path / "eyes" / "fov" / f"{number}.png")
    settings = {"data.mode": "tiles", "data.field_of_view": "fov", "arch.width": 2, "run.device": "cpu"}
    settings |= {"components.explainers": (), "data.patches": 2}
    where = {"data": "folder", "data_root": tmp_path / "eyes", "size": 32, "output": tmp_path / "run"}
    segkit.run(arch="unet", epochs=1, settings=settings, **where)
    with (tmp_path / "run" / "cases.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert int(row["reference"]) == np.count_nonzero(vessel & field)
    labels = np.asarray(Image.open(tmp_path / "run" / "predictions" / f"{row['case']}.png"))
    assert int(row["predicted"]) == np.count_nonzero((labels == 1) & field)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"data__resolution": "coarse"}, "data.resolution='coarse' is no resolution"),
        ({"data__normalization": "ct"}, "data.normalization=ct does not go with mode tiles"),
        ({"components__data": "blocks", "components__arch": "solid"}, "has no mode 'tiles'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_training(toy_registry: Registry, values: dict, told: str) -> None:
    """A resolution that is none, a normalisation of volumes, a dataset of volumes."""
    with pytest.raises(UsageError, match=told):
        plan_of(toy_registry, **values)


def test_resizing_that_loses_structures_is_told_once() -> None:
    """What of a thin class is left at the working size is said when a store is built, with what to set."""
    mask = np.zeros((400, 400), np.uint8)
    mask[::40] = 1
    task = Task(3, ("vessel",), 2)
    reader = SimpleNamespace(read=lambda case: Sample(np.zeros((3, 400, 400), np.uint8), mask))
    root = SimpleNamespace(generated=False)
    plan = SimpleNamespace(size=(128, 128), root=root, reader=reader, cases={"train": [Case("a")]}, task=task)
    told: list[str] = []
    job: Any = SimpleNamespace(plan=plan, progress=SimpleNamespace(message=told.append))
    for built in (True, False):
        tell_thin(job, {"train": SimpleNamespace(volumes=False, was_built=built)})  # type: ignore[dict-item]
    assert len(told) == 1
    assert told[0].startswith("note: structures of class vessel are about 1 pixels wide, 0.32 once images are resized")
    assert told[0].endswith("to 128 x 128: thin ones are lost; say --set data.mode=tiles, or a larger --size")
