"""Runs with a stranger's parts: what they do to the weights, and that a run can be repeated and gone on with."""

from __future__ import annotations

import hashlib
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from segkit.config import Layer, read_file
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.engine.sealed import read_sealed
from segkit.engine.stop import Stopped
from segkit.engine.trainer import Trainer
from segkit.errors import SegkitError, UsageError
from segkit.jobs.run import run_job
from segkit.jobs.train import make_trainer
from segkit.model import load_model
from segkit.planning.plan import make_plan
from segkit.rundir.resume import open_run

PARTS = {
    "train.optimizer": "heavy",
    "train.schedule": "falling",
    "augment.further": "shade",
    "data.normalization": "spread",
    "data.sampler": "first",
}
TOY = {
    "components.arch": "net",
    "components.data": "squares",
    "run.device": "cpu",
    "run.threads": 1,
    "run.workers": 0,
    "data.cases": 8,
    "train.epochs": 2,
    "train.batch_size": 2,
    "run.save_minutes": 0,
    "components.explainers": "none",
}


def train(registry: Registry, folder: Path, **values: object) -> str:
    """Train the toy job and return the hash of its model."""
    told = TOY | {name.replace("__", "."): one for name, one in values.items()}
    run_job(make_plan([Layer("flag", told)], registry, {}), folder, Progress(), only_train=True)
    return sha(folder)


def sha(folder: Path) -> str:
    """The hash of a run's model."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def go_on(registry: Registry, folder: Path) -> str:
    """Resume a run and return the hash of its model."""
    resume = open_run(folder)
    run_job(make_plan([read_file(folder / "config.toml")], registry, {}), folder, Progress(), resume, only_train=True)
    return sha(folder)


def stop_at(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Have training stopped before a step."""
    step = Trainer.take_step

    def take_step(trainer, batch):
        if trainer.step == steps:
            monkeypatch.undo()
            raise Stopped(signal.SIGINT)
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "take_step", take_step)


def test_a_stopped_run_goes_on_bit_for_bit(parts_registry: Registry, tmp_path: Path, monkeypatch) -> None:
    """Same seed, same weights, through a stop within an epoch: tensors and numbers that parts keep are kept."""
    values = {name.replace(".", "__"): value for name, value in PARTS.items()}
    whole = train(parts_registry, tmp_path / "whole", **values)
    assert train(parts_registry, tmp_path / "again", **values) == whole
    with monkeypatch.context() as patch:
        stop_at(patch, 6)
        with pytest.raises(Stopped):
            train(parts_registry, tmp_path / "stopped", **values)
    assert go_on(parts_registry, tmp_path / "stopped") == whole


@pytest.mark.parametrize(
    ("part", "name", "said"),
    [
        ("train__optimizer", "closure", "optimizer segkit-toy-parts:closure evaluates the loss several times a step"),
        ("train__optimizer", "nothing", "optimizer segkit-toy-parts:nothing built list, not a torch.optim.Optimizer"),
        ("augment__further", "crop", r"augmentation segkit-toy-parts:crop gave the image as torch.float32 \(3, "),
        ("data__normalization", "flat", "normalization segkit-toy-parts:flat gave numbers that are not finite"),
        ("data__sampler", "few", "sampler segkit-toy-parts:few gave 7 pairs where 8 were asked for"),
        ("train__schedule", "negative", "schedule segkit-toy-parts:negative gave -1.0 after 0% of the run"),
    ],
)
def test_parts_that_break_their_contract_are_named(
    parts_registry: Registry, tmp_path: Path, part: str, name: str, said: str
) -> None:
    """A sentence with the part's full name, and the way to its author or another choice."""
    with pytest.raises(SegkitError, match=said):
        train(parts_registry, tmp_path / "run", **{part: name, "train__warmup": 0})


@pytest.mark.parametrize("part", sorted(PARTS))
def test_every_part_changes_the_weights(parts_registry: Registry, tmp_path: Path, part: str) -> None:
    """None of them is named in the config and left out of training."""
    plain = train(parts_registry, tmp_path / "plain")
    assert train(parts_registry, tmp_path / "other", **{part.replace(".", "__"): PARTS[part]}) != plain


@pytest.mark.parametrize("mode", ["slices", "patches"])
def test_volumes_take_parts_too(parts_registry: Registry, tmp_path: Path, mode: str) -> None:
    """Samplers centre parts, normalisations measure the whole case for the store; a model predicts with it."""
    values = {
        "components.arch": "solid", "components.data": "blocks", "data.mode": mode, "data.normalization": "spread",
        "data.sampler": "first", "train.epochs": 1, "run.device": "cpu", "components.explainers": "none",
    }  # fmt: skip
    plan = make_plan([Layer("flag", values)], parts_registry, {})
    run_job(plan, tmp_path / "run", Progress(), only_train=True)
    model = load_model(tmp_path / "run" / "model.safetensors", "cpu", parts_registry)
    sample = plan.reader.read(plan.cases["val"][0])
    bound = model.predictor.normalization.of_case(sample.image)
    assert bound.low == tuple(map(float, sample.image.reshape(len(sample.image), -1).min(1)))
    assert model.predict(sample.image, spacing=sample.spacing).shape == sample.shape


def test_a_model_names_the_plugin_of_its_normalization(
    parts_registry: Registry, toy_registry: Registry, tmp_path: Path
) -> None:
    """Without it the model cannot be given images, and the sentence says what to install."""
    train(parts_registry, tmp_path / "run", data__normalization="spread")
    parts_registry.plugins.pop()
    with pytest.raises(SegkitError, match=r"needs segkit-toy-parts:spread 2.0.*pip install 'segkit-toy-parts==2.0'"):
        load_model(tmp_path / "run" / "model.safetensors", "cpu", parts_registry)


def test_a_loss_is_given_what_it_asks_for(parts_registry: Registry, tmp_path: Path) -> None:
    """The epoch, and a map that was made once per case and is moved with image and mask."""
    import segkit_toy_parts as parts

    parts.HEARD.clear()
    parts.MADE.clear()
    train(parts_registry, tmp_path / "run", components__loss="asking", augment__flip=0.5, augment__warp=0)
    assert [heard["epoch"] for heard in parts.HEARD] == [1] * 4 + [2] * 4
    assert {heard["epochs"] for heard in parts.HEARD} == {2}
    assert parts.MADE == [None] * 8
    for heard in parts.HEARD:
        assert heard["spacing"] is None
        assert torch.equal(heard["map"][:, 0], 2.0 * heard["mask"])
        assert torch.equal(heard["map"][:, 1], -2.0 * heard["mask"])
    train(parts_registry, tmp_path / "again", components__loss="asking")
    assert len(parts.MADE) == 8, "the maps are kept"


@pytest.mark.parametrize(("mode", "axes"), [("slices", 2), ("patches", 3)])
def test_maps_of_volumes_are_cut_as_the_volumes_are(parts_registry: Registry, tmp_path: Path, mode, axes) -> None:
    """Slices and patches, 0 where a patch lies outside; the spacing is that of the parts' own axes."""
    import segkit_toy_parts as parts

    parts.HEARD.clear()
    values = {
        "components.arch": "solid", "components.data": "blocks", "data.mode": mode, "components.loss": "asking",
        "train.epochs": 1, "run.device": "cpu", "components.explainers": "none", "augment.warp": 0,
    }  # fmt: skip
    plan = make_plan([Layer("flag", values)], parts_registry, {})
    run_job(plan, tmp_path / "run", Progress(), only_train=True)
    assert any(heard["map"].any() for heard in parts.HEARD)
    for heard in parts.HEARD:
        known = heard["mask"] != 255
        assert torch.equal(heard["map"][:, 0][known], 2.0 * heard["mask"][known])
        assert heard["spacing"].shape == (len(heard["mask"]), axes)


def test_a_loss_with_parameters_is_trained_and_gone_on_with(parts_registry, tmp_path: Path, monkeypatch) -> None:
    """Its parameter takes part in the steps and in the resume state, and in no checkpoint."""
    whole = train(parts_registry, tmp_path / "whole", components__loss="learnt")
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(Stopped):
            train(parts_registry, tmp_path / "stopped", components__loss="learnt")
    state, _ = read_sealed(tmp_path / "stopped" / "last" / "state.safetensors", "segkit-state")
    assert state["objective.0.weight"] != 0
    assert go_on(parts_registry, tmp_path / "stopped") == whole


def test_a_loss_with_tensors_is_moved_to_the_device(parts_registry, tmp_path: Path, monkeypatch) -> None:
    """Parameters and buffers of it, like the network's: to a device on which nothing is unless it was moved there."""
    seen: dict[str, set[str]] = {}

    def look(model, objective, *rest, **named):
        loss = objective.modules
        seen["network"] = {one.device.type for one in model.parameters()}
        seen["loss"] = {one.device.type for one in [*loss.parameters(), *loss.buffers()]}
        seen["names"] = {name for name, _ in [*loss.named_parameters(), *loss.named_buffers()]}
        raise Stopped(signal.SIGTERM)

    def elsewhere(job, *rest):
        return make_trainer(replace(job, device=torch.device("meta")), *rest)

    monkeypatch.setattr("segkit.jobs.train.make_trainer", elsewhere)
    monkeypatch.setattr("segkit.jobs.train.Trainer", look)
    with pytest.raises(Stopped):
        train(parts_registry, tmp_path / "run", components__loss="learnt")
    assert seen == {"network": {"meta"}, "loss": {"meta"}, "names": {"0.weight", "0.share"}}


def test_a_map_and_an_augmentation_that_moves_pixels_do_not_go_together(parts_registry: Registry) -> None:
    """The map would lie where the image was."""
    import dataclasses

    found = parts_registry.find("augmentation", "shade")
    moving = dataclasses.replace(found.component, moves=True)
    found.plugin.components[found.plugin.components.index(found.component)] = moving
    told = TOY | {"components.loss": "asking", "augment.further": "shade"}
    with pytest.raises(UsageError, match="augmentation segkit-toy-parts:shade moves pixels, and the map that loss"):
        make_plan([Layer("flag", told)], parts_registry, {})
