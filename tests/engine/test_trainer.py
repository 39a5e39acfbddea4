"""The training loop against the same loop written out."""

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from segkit.data.batches import Batch
from segkit.engine.objective import Objective, WeightedLoss
from segkit.engine.progress import Progress
from segkit.engine.selection import Figure, Validation
from segkit.engine.trainer import Trainer
from segkit.settings import Run, Train

CPU = torch.device("cpu")


def loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits[:, 0], mask.float(), reduction="none").flatten(1).mean(1)


class Fixed:
    """Batches of 5 samples in steps of 2: the last one is smaller."""

    steps = 3
    samples = 5

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.images = torch.rand(5, 2, 6, 6, generator=generator)
        self.masks = (self.images.mean(1) > 0.5).long()
        self.store = range(5)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        for first in range(start, 5, 2):
            chosen = slice(first, first + 2)
            own = np.arange(5)[chosen]
            yield Batch(self.images[chosen], self.masks[chosen], own, len(own))


def trainer(model: nn.Module, settings: Train, **options: object) -> Trainer:
    chosen = {"validate": None, "select": None, "progress": Progress(), **options}
    run = Run(autocast="none")  # the loops written out have float32 everywhere
    return Trainer(model, Objective([WeightedLoss("bce", 1.0, loss)]), Fixed(), settings, run, CPU, **chosen)


def make_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 1, 1))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_steps_equal_a_plain_loop(accumulate: int) -> None:
    """Weights after two epochs equal those of ten lines of PyTorch, with or without accumulation."""
    model = make_model()
    plain = copy.deepcopy(model)
    settings = Train(epochs=2, optimizer="adam", learning_rate=0.01, weight_decay=0.0, schedule="constant",
                     gradient_clip=0.5, accumulate=accumulate)  # fmt: skip
    trainer(model, settings).train()
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01)
    for _ in range(2):
        for batch in Fixed().epoch(0):
            optimizer.zero_grad()
            loss(plain(batch.images), batch.masks).mean().backward()
            nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
            optimizer.step()
    for own, expected in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(own, expected, atol=1e-6)


def test_best_epoch_is_kept_and_returned() -> None:
    """The weights of the epoch with the best validated figure are those that are scored, NaN never being best."""
    model = make_model()
    values = iter([0.2, float("nan"), 0.9, 0.4])
    kept: list[torch.Tensor] = []

    def validate(current: nn.Module) -> Validation:
        kept.append(next(current.parameters()).detach().clone())
        return Validation({"dice@store": Figure(next(values))})

    running = trainer(model, Train(epochs=4), validate=validate, select=("dice@store", True))
    running.train()
    records = running.history
    best, weights = running.finish()
    assert weights == "epoch 3, best val/dice@store"
    assert torch.equal(next(best.parameters()), kept[2])
    assert not best.training
    assert [record["step"] for record in records] == [3, 6, 9, 12]


def test_record_means_are_over_samples() -> None:
    """The epoch's loss is the mean over all samples, the smaller last batch included, at a learning rate of nothing."""
    model = make_model()
    fixed = Fixed()
    expected = loss(model(fixed.images), fixed.masks).mean()
    running = trainer(model, Train(epochs=1, learning_rate=1e-9, schedule="constant"))
    running.train()
    (record,) = running.history
    assert record["loss"] == pytest.approx(float(expected.detach()), rel=1e-4)
    assert record["terms"] == {"bce": pytest.approx(record["loss"])}
