"""The kit on what is taken from several readers: right ones pass, wrong ones fail with a way out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
import torch

import segkit
from segkit import IGNORE, Loss, Measurement, Metric, Task
from segkit.declarations.installed import Plugin
from segkit.discovery import Found
from segkit.engine.measure import count
from segkit.testing.check import CheckFailure, NotChecked
from segkit.testing.drawn import from_readers, soft
from segkit.testing.subjects import LossSubject, MetricSubject

PLUGIN = Plugin("segkit-x", "1", EntryPoint("x", "x", "segkit"))


@dataclass(frozen=True)
class Within:
    """A number of pixels that may be wrong."""

    pixels: float | Literal["readers"] = segkit.param(1.0, "How many.")


def factory(task: Task, params: Any) -> Any:
    """Whether no more pixels are wrong than may be."""
    return lambda found: (found.false_positive + found.false_negative <= float(params.pixels)).astype(float)


def right(task: Task, params: Any, measurements: Iterable[Measurement]) -> Any:
    """As many as readers differ in at most."""
    return replace(params, pixels=float(max(max(one.false_positive + one.false_negative) for one in measurements)))


def subject(take: Any) -> MetricSubject:
    """A metric whose functions are given, not imported."""
    declared = Metric(name="x", factory="x:x", measure="x:y", summary="x", params=Within, from_readers="x:z")
    made = MetricSubject(Found(PLUGIN, declared), {})
    made.__dict__["factory"] = factory
    loaded = {"from_readers": take, "measure": count}
    made.found = SimpleNamespace(component=declared, load=lambda name: loaded[name])  # type: ignore[assignment]
    return made


def test_a_right_one_passes_and_others_are_not_asked() -> None:
    """One that takes nothing from readers is left alone."""
    from_readers(subject(right))
    plain = subject(right)
    plain.component = replace(plain.component, from_readers="")
    with pytest.raises(NotChecked):
        from_readers(plain)


def first_only(task: Task, params: Any, measurements: Iterable[Measurement]) -> Any:
    """By the first pair alone."""
    return right(task, params, itertools.islice(measurements, 1))


COUNTED = itertools.count()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (first_only, "of 2 measurements it read 1"),
        (lambda task, params, found: (list(found), params)[1], "with values in the place of 'readers'"),
        (lambda task, params, found: len(list(found)), "it returned 2"),
        (lambda task, params, found: replace(params, pixels=next(COUNTED) + len(list(found))), "gave other params"),
    ],
)
def test_wrong_ones_are_caught(wrong: Any, told: str) -> None:
    """With the words that say what is wrong."""
    with pytest.raises(CheckFailure) as caught:
        from_readers(subject(wrong))
    assert told in str(caught.value)


def test_a_score_that_the_params_do_not_allow() -> None:
    """Where two readers who drew a class have none with them."""
    made = subject(right)
    made.__dict__["factory"] = lambda task, params: lambda found: np.full(2, np.nan)
    with pytest.raises(CheckFailure, match="have no score"):
        from_readers(made)


def cross_entropy(task: Task, params: Any) -> Any:
    """The binary cross entropy of each logit, of masks and of shares."""

    def loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        target = mask
        if not mask.is_floating_point() and not task.overlapping:
            labels = torch.arange(logits.shape[1]) + (logits.shape[1] == 1)
            target = (mask.unsqueeze(1) == labels.reshape(-1, *[1] * (mask.ndim - 1))).float()
            target = target.masked_fill((mask == IGNORE).unsqueeze(1), IGNORE)
        valid = target != IGNORE
        shares = target.where(valid, 0).float()
        values = torch.nn.functional.binary_cross_entropy_with_logits(logits, shares, reduction="none")
        return (values * valid).flatten(1).sum(1) / valid.flatten(1).sum(1)

    return loss


def loss_of(built: Any, **declared: Any) -> LossSubject:
    """A loss whose factory is given, not imported."""
    about: dict[str, Any] = {"name": "x", "factory": "x:x", "summary": "x", "soft": True, "overlapping": True}
    made = LossSubject(Found(PLUGIN, Loss(**{**about, **declared})), {})
    made.__dict__["factory"] = built
    return made


def changed(change: Any) -> Any:
    """The right loss with its target changed."""
    return lambda task, params: lambda logits, mask: cross_entropy(task, params)(logits, change(mask))


def test_a_right_soft_loss_passes_and_others_are_not_asked() -> None:
    """One that has not declared it is left alone."""
    soft(loss_of(cross_entropy))
    with pytest.raises(NotChecked):
        soft(loss_of(cross_entropy, soft=False))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda mask: mask.round() if mask.is_floating_point() else mask, "shares between 0 and 1 have the value"),
        (lambda mask: mask.where(mask != IGNORE, 0), "of 0 and 1 is another one"),
        (lambda mask: 1 - mask if mask.is_floating_point() else mask, "of 0 and 1 is another one"),
        (lambda mask: mask / (mask > 0) if mask.is_floating_point() else mask, "of 0 and 1 is another one"),
    ],
)
def test_wrong_soft_losses_are_caught(change: Any, told: str) -> None:
    """With the words that say what is wrong."""
    wrong = changed(change)
    if "another" in told and change(torch.tensor([255])) == 0:  # a mask that is ignored has to be right all the same
        wrong = changed(lambda mask: change(mask) if mask.is_floating_point() else mask)
    with pytest.raises(CheckFailure) as caught:
        soft(loss_of(wrong))
    assert told in str(caught.value)


def test_a_soft_loss_asks_for_no_map() -> None:
    """It would be of one mask."""
    with pytest.raises(ValueError, match="case_map is of one mask"):
        Loss(name="x", factory="x:x", summary="x", soft=True, asks=("map",), case_map="x:y")
