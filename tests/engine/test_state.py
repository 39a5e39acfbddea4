from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segkit.data.batches import Batch
from segkit.engine import state
from segkit.engine.objective import Objective, WeightedLoss
from segkit.engine.progress import Progress
from segkit.engine.state import StateWriter, load_state
from segkit.engine.trainer import Trainer
from segkit.errors import SegkitError
from segkit.settings import Run, Train

IDENTITY = {"data": "one"}


class OneBatch:
    """Two samples, one step an epoch."""

    samples, steps = 2, 1

    def epoch(self, epoch: int, start: int = 0):
        yield Batch(torch.ones(2, 1, 2, 2), torch.ones(2, 2, 2, dtype=torch.long), np.array([0, 1]), 2)


def make_trainer(value: float) -> Trainer:
    model = nn.Conv2d(1, 1, 1)
    nn.init.constant_(model.weight, value)
    loss = WeightedLoss("square", 1.0, lambda logits, mask: logits.square().flatten(1).mean(1))
    return Trainer(
        model, Objective([loss]), OneBatch(), Train(epochs=3), Run(autocast="none"), torch.device("cpu"),
        validate=None, select=None, progress=Progress(),
    )  # fmt: skip


@pytest.fixture
def held(monkeypatch) -> threading.Event:
    """Let no state be written before the event is set."""
    event, real = threading.Event(), state.write_sealed

    def write(*args: object) -> None:
        event.wait(30)
        real(*args)

    monkeypatch.setattr(state, "write_sealed", write)
    return event


def test_training_goes_on_while_a_state_is_written(tmp_path: Path, held: threading.Event):
    """What changes after the call is not in the file: weights, optimizer and history are those of the call."""
    trainer, writer = make_trainer(1.0), StateWriter(tmp_path, IDENTITY)
    trainer.history.append({"epoch": 1, "val": {"dice@store": 0.5}})
    writer.save(trainer)
    trainer.history[0]["val"]["dice@store"] = 0.9
    trainer.train()
    assert trainer.step == 3
    assert not list(tmp_path.iterdir())
    held.set()
    writer.wait()
    other = make_trainer(7.0)
    assert load_state(tmp_path, other, lambda header: None)
    assert other.model.weight.item() == 1.0
    assert (other.step, other.epoch) == (0, 1)
    assert other.history == [{"epoch": 1, "val": {"dice@store": 0.5}}]


def test_states_are_written_one_after_the_other(tmp_path: Path):
    """Of three calls in a row the last one's state is in the folder, and no part of another."""
    trainer, writer = make_trainer(0.0), StateWriter(tmp_path, IDENTITY)
    for value in (1.0, 2.0, 3.0):
        nn.init.constant_(trainer.model.weight, value)
        writer.save(trainer)
    writer.wait()
    assert [path.name for path in tmp_path.iterdir()] == [state.NAME]
    other = make_trainer(0.0)
    load_state(tmp_path, other, lambda header: None)
    assert other.model.weight.item() == 3.0


@pytest.mark.parametrize("call", ["save", "wait"])
def test_a_state_that_cannot_be_written_stops_the_next_call(tmp_path: Path, monkeypatch, call: str):
    """The writer's own error comes up, once."""

    def full(*args: object) -> None:
        raise SegkitError("cannot write state.safetensors: disk full", "free some space")

    monkeypatch.setattr(state, "write_sealed", full)
    trainer, writer = make_trainer(0.0), StateWriter(tmp_path, IDENTITY)
    writer.save(trainer)
    with pytest.raises(SegkitError, match="disk full"):
        writer.save(trainer) if call == "save" else writer.wait()
    writer.wait()
