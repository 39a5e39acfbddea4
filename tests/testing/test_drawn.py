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

import segkit
from segkit import Measurement, Metric, Task
from segkit.declarations.installed import Plugin
from segkit.discovery import Found
from segkit.engine.measure import count
from segkit.testing.check import CheckFailure, NotChecked
from segkit.testing.drawn import from_readers
from segkit.testing.subjects import MetricSubject

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
