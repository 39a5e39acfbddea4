"""The kit on losses and metrics of overlapping classes: right ones pass, wrong ones fail with a way out."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from segkit import IGNORE, Loss, Metric
from segkit.declarations.installed import Plugin
from segkit.discovery import Found
from segkit.testing.check import CheckFailure, NotChecked
from segkit.testing.overlapping import overlapping_loss, overlapping_metric
from segkit.testing.subjects import LossSubject, MetricSubject

PLUGIN = Plugin("segkit-x", "1", EntryPoint("x", "x", "segkit"))


def subject(kind: type, component: Any, **loaded: Any) -> Any:
    """A component whose functions are given, not imported."""
    made = kind(Found(PLUGIN, component), {})
    made.__dict__["factory"] = loaded.pop("factory")
    made.found = SimpleNamespace(component=component, load=lambda name: loaded[name])
    return made


def loss_of(function: Any, **declared: Any) -> LossSubject:
    """A loss that is a function of logits and mask."""
    declared = {"name": "x", "factory": "x:x", "summary": "x", "overlapping": True, **declared}
    return subject(LossSubject, Loss(**declared), factory=lambda task, params: function)


def right(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean over all valid pixels of all classes."""
    valid = mask != IGNORE
    values = torch.nn.functional.binary_cross_entropy_with_logits(logits, (mask == 1).float(), reduction="none")
    return (values * valid).flatten(1).sum(1) / valid.flatten(1).sum(1).clamp(min=1)


def test_a_right_loss_passes_and_others_are_not_asked() -> None:
    """One that has not declared it is left alone."""
    overlapping_loss(loss_of(right))
    with pytest.raises(NotChecked):
        overlapping_loss(loss_of(right, overlapping=False))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda logits, mask: right(logits, mask.where(mask != IGNORE, 0)), "255 in a class's plane have a gradient"),
        (lambda logits, mask: right(logits, mask).mean(), "it returned a scalar"),
        (lambda logits, mask: right(logits[:, 1:], mask[:, 1:]), "the first class has no gradient"),
        (lambda logits, mask: right(logits, mask) / ((mask[:, 1] != IGNORE).flatten(1).sum(1)), "is not finite"),
    ],
)
def test_wrong_losses_are_caught(wrong: Any, told: str) -> None:
    """Each with what it did."""
    with pytest.raises(CheckFailure, match=told):
        overlapping_loss(loss_of(wrong))


def test_a_metric_that_mixes_classes_is_caught() -> None:
    """A value that depends on another class's counts."""
    segkit_metrics = pytest.importorskip("segkit_metrics")
    from segkit_metrics.measure import measure

    declared = next(one for one in segkit_metrics.segkit_metrics() if one.name == "dice")
    assert isinstance(declared, Metric)

    def dice(measured: Any) -> np.ndarray:
        return 2 * measured.true_positive / (measured.reference + measured.predicted)

    overlapping_metric(subject(MetricSubject, declared, factory=lambda task, params: dice, measure=measure))
    mixing = subject(
        MetricSubject, declared, factory=lambda *_: lambda one: dice(one) / dice(one).sum(), measure=measure
    )
    with pytest.raises(CheckFailure, match="among others and"):
        overlapping_metric(mixing)
