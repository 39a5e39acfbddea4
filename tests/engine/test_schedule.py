"""Optimizer groups and learning rate."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from segkit.engine.schedule import learning_rate, make_optimizer
from segkit.settings import Train


def test_decay_leaves_biases_and_norms_alone() -> None:
    """Only weights of two or more dimensions decay."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    groups = make_optimizer(model, Train(weight_decay=0.1), torch.device("cpu")).param_groups
    assert [(group["weight_decay"], len(group["params"])) for group in groups] == [(0.1, 1), (0.0, 3)]


@given(st.integers(20, 500), st.floats(0, 0.9))
def test_cosine_stays_in_range_and_ends_near_zero(total: int, warmup: float) -> None:
    """The rate never exceeds its highest, rises before it falls, and falls towards zero."""
    settings = Train(learning_rate=2.0, schedule="cosine", warmup=warmup)
    rates = [learning_rate(settings, step, total) for step in range(total + 1)]
    assert max(rates) <= 2.0
    assert min(rates) >= 0
    assert rates[-1] < 1e-9
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_constant_is_constant() -> None:
    """The published recipes keep one rate."""
    settings = Train(learning_rate=0.3, schedule="constant")
    assert {learning_rate(settings, step, 10) for step in range(10)} == {0.3}
