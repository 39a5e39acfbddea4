"""Logits made of other logits: the same classes are as likely against each other as they were."""

from __future__ import annotations

import itertools

import pytest
import torch

from segkit.declarations import Task
from segkit.planning.class_rows import class_rows

NAMES = ("a", "b", "c", "d")


def probabilities(task: Task, logits: torch.Tensor) -> dict[str, float]:
    """How likely each class is against the background alone."""
    if task.out_channels == 1:
        return {task.classes[0]: float(torch.sigmoid(logits[0]))}
    return {name: float(torch.sigmoid(logits[1 + place] - logits[0])) for place, name in enumerate(task.classes)}


@pytest.mark.parametrize(
    ("had", "wanted"),
    list(itertools.product([("a",), ("b", "a"), ("c", "b", "a")], [("a",), ("b",), ("a", "b"), ("d", "a", "c")])),
)
def test_shared_classes_are_as_likely_as_before(had: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """For every pair of sets of classes a shared one has the probability against the background that it had."""
    source, task = Task(1, had), Task(1, wanted)
    logits = torch.randn(source.out_channels, generator=torch.Generator().manual_seed(1))
    rows = class_rows(task, source, {})
    assert len(rows) == task.out_channels
    made = torch.tensor(
        [0.0 if row is None else sum((f * logits[at] for at, f in row), torch.tensor(0.0)) for row in rows]
    )
    before, after = probabilities(source, logits), probabilities(task, made)
    shared = {*had} & {*wanted}
    assert all(abs(before[name] - after[name]) < 1e-6 for name in shared)
    new = [name for name, row in zip(wanted, rows[-len(wanted) :], strict=True) if row is None]
    assert {*new} == {*wanted} - {*had}


def test_other_names() -> None:
    """A class that was called otherwise is taken by its old name, not by the new one."""
    rows = class_rows(Task(1, ("a", "b")), Task(1, ("b", "x")), {"a": "x"})
    assert rows == [[(0, 1.0)], [(2, 1.0)], [(1, 1.0)]]


def test_nothing_shared() -> None:
    """Without a common class nothing of a head is taken, the background neither."""
    assert class_rows(Task(1, ("a", "b")), Task(1, ("c", "d")), {}) == [None, None, None]
