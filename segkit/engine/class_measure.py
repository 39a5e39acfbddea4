"""Overlapping classes measured one by one: each as the one class of a task, so that every metric counts as ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segkit.contracts import Measurement
from segkit.declarations import Task

COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")


def measure_classes(
    measure: Callable[..., Measurement],
    prediction: np.ndarray,
    mask: np.ndarray,
    spacing: tuple[float, ...] | None,
    task: Task,
    options: Mapping[str, Any],
) -> Measurement:
    """Measure a case as a metric does, prediction and mask (classes, *S) class by class where these overlap."""
    if not task.overlapping:
        return measure(prediction, mask, spacing, task, options)
    each = []
    for name, predicted, reference in zip(task.classes, prediction, mask, strict=True):
        one = replace(task, classes=(name,), overlapping=False)
        each.append(measure(predicted, reference, spacing, one, options))
    return joined(each)


def joined(each: Sequence[Measurement]) -> Measurement:
    """Put what was measured of single classes together, in their order."""
    counts: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in each]) for name in COUNTS}
    return replace(each[0], **counts, distances=ClassDistances([one.distances for one in each]))


class ClassDistances(Mapping[str, Sequence[np.ndarray]]):
    """Further measurements of several classes by name; each is asked for when it is wanted, as those of one are."""

    def __init__(self, each: Sequence[Mapping[str, Sequence[np.ndarray]]]) -> None:
        self.each = each

    def __getitem__(self, name: str) -> Sequence[np.ndarray]:
        """Return what is known by a name, class after class."""
        return [values for one in self.each for values in one[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.each[0])

    def __len__(self) -> int:
        return len(self.each[0])
