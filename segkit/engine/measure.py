"""Measure a prediction once and derive every metric from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segkit import params
from segkit.contracts import Measurement
from segkit.data.case import Case
from segkit.declarations import Metric, Task
from segkit.errors import SegkitError


@dataclass(frozen=True)
class ChosenMetric:
    """One metric of a run, ready to use.

    Attributes:
        measure: the declaration's measure function, imported.
        score: measurement -> float64 (classes,).
        options: the params that change what is measured.
    """

    declaration: Metric
    params: Any
    measure: Callable[..., Measurement]
    score: Callable[[Measurement], np.ndarray]

    @property
    def name(self) -> str:
        """Plain component name, a column of cases.csv."""
        return self.declaration.name

    @property
    def options(self) -> dict[str, Any]:
        """The params that change what is measured on a case."""
        return {name: getattr(self.params, name) for name, info in self._described().items() if info.measured}

    @property
    def convention(self) -> str:
        """How values came to be, for the score's name: "both_empty=nan"."""
        return ", ".join(f"{name}={params.show(getattr(self.params, name))}" for name in self._described())

    def _described(self) -> Mapping[str, params.ParamInfo]:
        return params.describe(type(self.params))


@dataclass(frozen=True)
class CaseScores:
    """What one case scored, per foreground class.

    Attributes:
        reference, predicted: int64 (classes,), pixels or voxels.
        values: metric name -> float64 (classes,).
    """

    case: str
    group: str | None
    reference: np.ndarray
    predicted: np.ndarray
    values: Mapping[str, np.ndarray]

    def mean(self, metric: str) -> float:
        """The mean over the classes whose value is a number; NaN where there is none."""
        numbers = [float(value) for value in self.values[metric] if value == value]
        return sum(numbers) / len(numbers) if numbers else float("nan")

    def status(self, label: int) -> str:
        """Return "empty", "missed", "spurious" or "ok" for the class at an index."""
        if self.reference[label] == 0:
            return "empty" if self.predicted[label] == 0 else "spurious"
        return "missed" if self.predicted[label] == 0 else "ok"


def score_case(
    case: Case,
    prediction: np.ndarray,
    mask: np.ndarray,
    spacing: tuple[float, ...] | None,
    task: Task,
    metrics: Sequence[ChosenMetric],
) -> CaseScores:
    """Score one prediction against its reference, both label maps (*S) on one grid.

    Metrics that measure the same thing with the same options share one pass.

    Raises:
        SegkitError: the grids differ, or a metric returns another number of values than there are classes.
    """
    if prediction.shape != mask.shape:
        raise SegkitError(
            f"case {case.id}: prediction {prediction.shape} and mask {mask.shape} differ in size",
            "score on the case's own grid",
        )
    measured: dict[tuple[Any, ...], Measurement] = {}
    values = {}
    for metric in metrics:
        key = (metric.declaration.measure, *sorted(metric.options.items()))
        if key not in measured:
            measured[key] = metric.measure(prediction, mask, spacing, task, metric.options)
        scores = np.asarray(metric.score(measured[key]), dtype=np.float64)
        if scores.shape != (len(task.classes),):
            raise SegkitError(
                f"metric {metric.name} returned shape {scores.shape} for {len(task.classes)} classes",
                "report it to its author",
            )
        values[metric.name] = scores
    first = next(iter(measured.values()))
    return CaseScores(case.id, case.group, first.reference, first.predicted, values)
