"""Entropy and Monte Carlo dropout on networks whose answers can be written down."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from segkit import SegkitError, Task
from segkit.explain import BoundTarget, Target
from segkit_uncertainty.method import build_entropy, build_mc_dropout, entropy, probabilities
from segkit_uncertainty.params import McDropoutParams

TWO, ONE, BOTH = Task(3, ("a", "b")), Task(3, ("a",)), Task(3, ("a", "b"), overlapping=True)


def maps_of(function, model: nn.Module, x: torch.Tensor, task: Task = TWO) -> torch.Tensor:
    """Maps of every pixel."""
    maps, status = function(model, x, None, BoundTarget(Target("all", 1), task))
    assert status == ("ok",) * len(x)
    return maps


@pytest.fixture
def x() -> torch.Tensor:
    """Three channels, which the networks below take as logits."""
    return torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(0)) * 3


@pytest.mark.parametrize(
    ("task", "logits", "expected"),
    [
        (TWO, [0.0, 0.0, 0.0], 1.0),
        (TWO, [50.0, 0.0, 0.0], 0.0),
        (TWO, [30.0, 30.0, 0.0], math.log(2) / math.log(3)),
        (ONE, [0.0], 1.0),
        (ONE, [math.log(3)], -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))),
        (ONE, [-800.0], 0.0),
        (BOTH, [50.0, 0.0], 1.0),
        (BOTH, [50.0, -50.0], 0.0),
    ],
)
def test_entropy_is_a_share_of_the_largest(task, logits, expected):
    """1 where all are equal, 0 where one is sure; of overlapping classes that which is least sure."""
    given = torch.tensor(logits)[None, :, None, None]
    assert float(entropy(probabilities(given, task))) == pytest.approx(expected, abs=1e-6)


def test_one_pass_is_the_entropy_of_the_softmax(x):
    """As torch's distributions have it."""
    maps = maps_of(build_entropy(None), nn.Sequential(nn.Identity()), x)
    known = torch.distributions.Categorical(logits=x.movedim(1, -1)).entropy() / math.log(3)
    torch.testing.assert_close(maps, known, rtol=1e-5, atol=1e-6)


def test_passes_that_drop_are_averaged(x):
    """Against the same passes made by hand with the same seed."""
    model = nn.Sequential(nn.Dropout(0.5)).eval()
    maps = maps_of(build_mc_dropout(McDropoutParams(passes=5, seed=3)), model, x[:1])
    torch.manual_seed(3)
    passes = torch.stack([nn.functional.dropout(x[:1], 0.5, training=True).softmax(dim=1) for _ in range(5)])
    known = torch.distributions.Categorical(probs=passes.mean(dim=0).movedim(1, -1)).entropy() / math.log(3)
    torch.testing.assert_close(maps, known, rtol=1e-4, atol=1e-5)
    each = torch.distributions.Categorical(probs=passes.movedim(2, -1)).entropy().mean(dim=0) / math.log(3)
    params = McDropoutParams(passes=5, seed=3, measure="mutual-information")
    torch.testing.assert_close(maps_of(build_mc_dropout(params), model, x[:1]), known - each, rtol=1e-3, atol=1e-5)


def test_all_else_is_as_in_eval_mode_and_as_before(x):
    """Batch statistics stay, generators stay, modes stay, also of a model that was being trained."""
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.3), nn.Conv2d(3, 3, 1)).train()
    before, state = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    first = maps_of(build_mc_dropout(McDropoutParams()), model, x)
    assert torch.equal(first, maps_of(build_mc_dropout(McDropoutParams()), model, x))
    assert not torch.equal(first, maps_of(build_mc_dropout(McDropoutParams(seed=1)), model, x))
    assert all(module.training for module in model.modules())
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("model", [nn.Sequential(nn.Identity()), nn.Sequential(nn.Dropout(0.0))])
def test_a_network_that_drops_nothing_is_refused(model, x):
    """Sixteen equal passes would look like a network that is sure of itself."""
    with pytest.raises(SegkitError, match="has no dropout that drops anything"):
        maps_of(build_mc_dropout(McDropoutParams()), model, x)
