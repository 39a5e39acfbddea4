"""Frozen parts, rates by part and by layer: what moves, what stays, what is told of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit.engine.groups import Learning, groups_record, layer_of, learning_of
from segkit.engine.schedule import make_optimizer
from segkit.errors import UsageError
from segkit.settings import Train

PARTS = {"encoder": ("down",), "head": ("classify",)}


def network() -> nn.Module:
    """Three stages with normalisation, and a head."""
    down = nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)) for _ in range(3)))
    module = nn.Module()
    module.down, module.classify = down, nn.Conv2d(3, 2, 1)
    return module


@pytest.mark.parametrize(
    ("freeze", "frozen"),
    [
        (("encoder",), "down."),
        (("down.1",), "down.1."),
        (("down.2.*",), "down.2."),
        (("head",), "classify."),
    ],
)
def test_what_is_frozen_and_released(freeze: tuple[str, ...], frozen: str) -> None:
    """Parts, modules and patterns do not learn until they are released; the rest does."""
    model = network()
    learning = learning_of(Train(freeze=freeze, release=2), PARTS, model)
    names = {name for name, _ in model.named_parameters()}
    for epoch, held in ((1, True), (2, True), (3, False)):
        model.train()
        learning.apply(model, names, epoch)
        still = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
        assert still == {name for name in names if held and frozen in name}, epoch


def test_frozen_normalisation_keeps_its_statistics() -> None:
    """Batch normalisation of a frozen part stays in eval mode, another part's does not."""
    model = network()
    learning = learning_of(Train(freeze=("down.0",)), PARTS, model)
    model.train()
    learning.apply(model, {name for name, _ in model.named_parameters()}, 1)
    before = model.down[0][1].running_mean.clone()
    model.down(torch.randn(4, 3, 5, 5))
    assert torch.equal(model.down[0][1].running_mean, before)
    assert not torch.equal(model.down[1][1].running_mean, before)


def test_what_a_network_freezes_itself_stays_so() -> None:
    """Releasing a part does not let learn what the network never let."""
    model = network()
    model.down[0].requires_grad_(False)
    trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    learning_of(Train(freeze=("encoder",), release=1), PARTS, model).apply(model, trainable, 2)
    assert not any(parameter.requires_grad for parameter in model.down[0].parameters())
    assert all(parameter.requires_grad for parameter in model.down[1].parameters())


def test_rates_by_part_and_layer() -> None:
    """Each parameter has the rate of its part times the decay of its layer, in groups with and without weight decay."""
    model = network()
    settings = Train(rates=("encoder=0.1",), layer_decay=0.5, learning_rate=1.0)
    optimizer = make_optimizer(model, settings, torch.device("cpu"), learning=learning_of(settings, PARTS, model))
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        depth = ["classify", "down.2", "down.1", "down.0"].index(layer_of(name))
        expected = (0.1 if name.startswith("down") else 1.0) * 0.5**depth
        assert rates[id(parameter)] == (pytest.approx(expected), 1e-4 if parameter.ndim > 1 else 0.0)


def test_groups_are_told() -> None:
    """The record counts every parameter once, by rate, decay and whether it learns."""
    model = network()
    settings = Train(freeze=("encoder",), release=3)
    record = groups_record(model, settings, learning_of(settings, PARTS, model))
    assert sum(group["parameters"] for group in record) == sum(p.numel() for p in model.parameters())
    assert {(group["frozen"], group["released_after"]) for group in record} == {(True, 3), (False, None)}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Train(freeze=("encodr",)), "train.freeze=encodr: no parameter of the network has such a name (did you mean"),
        (Train(freeze=("*.nowhere",)), "train.freeze=*.nowhere: no parameter"),
        (Train(rates=("decoder=0.1",)), "train.rates.decoder=decoder: no parameter"),
        (Train(rates=("encoder",)), "is not PART=FACTOR"),
        (Train(rates=("encoder=-1",)), "is not PART=FACTOR"),
        (Train(freeze=("down", "head")), "freezes every parameter"),
    ],
)
def test_what_cannot_be_meant(settings: Train, said: str) -> None:
    """Patterns that match nothing, rates that are none and nothing left to learn are usage errors."""
    with pytest.raises(UsageError) as caught:
        learning_of(settings, PARTS, network())
    assert said in str(caught.value)


def test_nothing_said_is_one_rate() -> None:
    """Without settings there are the two groups that there were."""
    model = network()
    assert learning_of(Train(), PARTS, model) == Learning()
    assert len(make_optimizer(model, Train(), torch.device("cpu")).param_groups) == 2
