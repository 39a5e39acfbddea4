"""Measure a prediction once and derive every metric from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from segkit import params
from segkit.contracts import IGNORE, Measurement
from segkit.data.case import Case
from segkit.declarations import Metric, Task
from segkit.engine.banded import LargePair, banded, bands_of, held
from segkit.engine.class_measure import COUNTS, measure_classes
from segkit.errors import SegkitError
from segkit.statistics.failures import case_value

UNANNOTATED = "unannotated"
"""Status of a class that a case's mask was not drawn for."""
BACKGROUND = "background"
"""Name of label 0 where it is scored too."""


@dataclass(frozen=True)
class FromReaders:
    """The readers that a metric's params were taken from.

    Attributes:
        split: whose cases they drew.
        cases: that several of them drew.
        pairs: of each class, the pairs of readers of one case who both drew it.
    """

    split: str
    cases: int
    pairs: tuple[int, ...]


@dataclass(frozen=True)
class ChosenMetric:
    """One metric of a run, ready to use.

    Attributes:
        params: with what was taken from readers in numbers.
        measure: the declaration's measure function, imported; what it is given and gives, `needs` says.
        score: measurement, or of a metric over cases the measurements of all of them -> float64 (classes,).
        readers: those that params were taken from; None where they were said.
        options: the params that change what is measured.
    """

    declaration: Metric
    params: Any
    measure: Callable[..., Any]
    score: Callable[[Any], np.ndarray]
    readers: FromReaders | None = None

    @property
    def name(self) -> str:
        """Plain component name, a column of cases.csv."""
        return self.declaration.name

    @property
    def over_cases(self) -> bool:
        """Whether it is taken of all cases together, and no single one has a value."""
        return self.declaration.over == "cases"

    @property
    def options(self) -> dict[str, Any]:
        """The params that change what is measured on a case."""
        return {name: getattr(self.params, name) for name, info in self._described().items() if info.measured}

    @property
    def convention(self) -> str:
        """How values came to be, for the score's name: "both_empty=nan"; a param that is none says nothing."""
        values = {name: getattr(self.params, name) for name in self._described() if name not in self.per_class}
        return ", ".join(f"{name}={params.show(value)}" for name, value in values.items() if value is not None)

    @property
    def per_class(self) -> Mapping[str, Sequence[float]]:
        """What the scoring function says it uses for each class, such as {"tolerance": (5.0, 3.0)}."""
        found: Mapping[str, Sequence[float]] = getattr(self.score, "per_class", {})
        return found

    def _described(self) -> Mapping[str, params.ParamInfo]:
        kind: type = type(self.params)
        return params.describe(kind)


@dataclass(frozen=True)
class CaseScores:
    """What one case scored, per foreground class.

    Attributes:
        reference, predicted: int64 (classes,), pixels or voxels.
        annotated: bool (classes,), which classes the mask was drawn for: nothing is known of the others; None: all.
        values: metric name -> float64 (classes,), of those that are taken of one case.
        counts: metric name -> what was measured, without distances, for what is taken of all cases.
        reference_digest: SHA-256 of the reference mask with its grid; "" where nobody asked for it.
        expected: the Dice that it can expect by its probabilities; None where nothing estimates it.
    """

    case: str
    group: str | None
    reference: np.ndarray
    predicted: np.ndarray
    values: Mapping[str, np.ndarray]
    counts: Mapping[str, Measurement] = field(default_factory=dict)
    reference_digest: str = ""
    annotated: np.ndarray | None = None
    expected: float | None = None

    @property
    def dice(self) -> float:
        """Mean Dice over the classes that either side has; NaN where neither has any."""
        agreed = next(iter(self.counts.values())).true_positive
        sizes = self.reference + self.predicted
        there = sizes > 0
        return float(np.mean(2 * agreed[there] / sizes[there])) if there.any() else float("nan")

    @property
    def missed(self) -> np.ndarray:
        """Which classes are in the reference and not in the prediction, bool (classes,)."""
        found: np.ndarray = (self.reference > 0) & (self.predicted == 0)
        return found

    def rank_value(self, metric: ChosenMetric) -> float:
        """What the case is ranked by: its mean over classes, the worst there is where one failed; NaN without any."""
        direction = metric.declaration.direction
        values = direction.comparable(self.values[metric.name])
        return case_value(values, self.missed, higher_is_better=direction.higher)

    def status(self, label: int) -> str:
        """Return "empty", "missed", "spurious", "ok" or "unannotated" for the class at an index."""
        if self.annotated is not None and not self.annotated[label]:
            return UNANNOTATED
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
    *,
    background: bool = False,
    sums: Mapping[Any, Mapping[str, np.ndarray]] | None = None,
) -> CaseScores:
    """Score one prediction against its reference, both label maps (*S), or (classes, *S), on one grid.

    Metrics that measure the same thing with the same options share one pass. Classes that the case was not annotated
    for have no values, and no pixels on either side.

    Args:
        background: score label 0 as a class as well, the first one; the values then fit `scored_task`.
        sums: what the metrics that need probabilities added up, by `measure_key`.

    Raises:
        SegkitError: the grids differ, or a metric returns another number of values than there are classes.
    """
    if prediction.shape != mask.shape:
        raise SegkitError(
            f"case {case.id}: prediction {prediction.shape} and mask {mask.shape} differ in size",
            "score on the case's own grid",
        )
    mask = held(mask)
    task = scored_task(task, background)
    large = LargePair(prediction, mask, spacing, task, count_from_one if background else None)
    if not (in_bands := banded(prediction, mask)) and background:
        prediction, mask = count_from_one(prediction), count_from_one(mask)

    def measure(with_: Callable[..., Any], options: Mapping[str, Any], *, counts_do: bool) -> Measurement:
        if not in_bands:
            return measure_classes(with_, prediction, mask, spacing, task, options)
        return large.counted(with_, options) if counts_do else large.around(with_, options, count)

    # Metrics that share a pass get what the most demanding of them needs.
    demanding = {measure_key(metric) for metric in metrics if not (metric.declaration.poolable or metric.over_cases)}
    annotated = annotated_classes(case, task)
    measured: dict[tuple[Any, ...], Measurement] = {}
    kept: dict[tuple[Any, ...], Measurement] = {}
    values, counts = {}, {}
    # Labels first: their counts are then at hand for the metrics that need probabilities.
    for metric in sorted(metrics, key=lambda metric: metric.declaration.needs):
        key = measure_key(metric)
        if key not in measured:
            if metric.declaration.needs == "probabilities":
                counted = next(iter(kept.values()), None) or measure(count, {}, counts_do=True)
                measured[key] = replace(counted, sums=dict((sums or {})[key]))
            else:
                measured[key] = measure(metric.measure, metric.options, counts_do=key not in demanding)
            kept[key] = counts_alone(measured[key], annotated)
        counts[metric.name] = kept[key]
        if metric.over_cases:
            continue
        scores = np.asarray(metric.score(measured[key]), dtype=np.float64)
        if scores.shape != (len(task.classes),):
            raise SegkitError(
                f"metric {metric.name} returned shape {scores.shape} for {len(task.classes)} classes",
                "report it to its author",
            )
        values[metric.name] = scores if annotated is None else np.where(annotated, scores, np.nan)
    first = next(iter(kept.values()))
    return CaseScores(case.id, case.group, first.reference, first.predicted, values, counts, annotated=annotated)


def measure_key(metric: ChosenMetric) -> tuple[Any, ...]:
    """Return what metrics that share one pass over a case have in common: what measures, and how."""
    return (metric.declaration.measure, *sorted(metric.options.items()))


def count(
    prediction: np.ndarray,
    mask: np.ndarray,
    spacing: tuple[float, ...] | None,
    task: Task,
    options: Mapping[str, Any] | None = None,
) -> Measurement:
    """Count the pixels of one case, for metrics that measure no labels themselves."""
    valid = mask != IGNORE
    sides = [((prediction == label) & valid, mask == label) for label in range(1, len(task.classes) + 1)]
    counts = np.array([[np.sum(p & r), np.sum(p & ~r), np.sum(~p & r)] for p, r in sides], dtype=np.int64)
    rest = np.count_nonzero(valid) - counts.sum(axis=1)
    hit, spurious, missed = counts.T
    return Measurement(hit, spurious, missed, rest, tuple(mask.shape), spacing)


def annotated_classes(case: Case, task: Task) -> np.ndarray | None:
    """Return which of the task's classes a case was annotated for, bool (classes,); None: all."""
    if case.annotated is None:
        return None
    # The background is what is none of the classes: it is known where all of these are.
    known = {*case.annotated, *([BACKGROUND] if set(task.classes) - {BACKGROUND} <= set(case.annotated) else [])}
    found = np.array([name in known for name in task.classes])
    return None if found.all() else found


def counts_alone(measured: Measurement, annotated: np.ndarray | None = None) -> Measurement:
    """Return a measurement without its distances, its counts copied: a view would keep alive what it is a view of.

    Args:
        annotated: classes that are counted, bool (classes,); the others have no pixels. None: all.
    """
    counts: dict[str, Any] = {name: np.array(getattr(measured, name)) for name in COUNTS}
    if annotated is not None:
        counts = {name: values * annotated for name, values in counts.items()}
    return replace(measured, distances={}, **counts)


def reference_digest(mask: np.ndarray, spacing: tuple[float, ...] | None) -> str:
    """Return a SHA-256 that equal reference masks (*S) on equal grids share, whatever integers hold the labels."""
    found = hashlib.sha256(f"{mask.shape} {spacing and tuple(map(float, spacing))}".encode())
    if mask.ndim != 2:
        found.update(np.ascontiguousarray(mask, dtype=np.uint8).tobytes())
        return found.hexdigest()
    for _, (rows,) in bands_of(mask):  # a slide's mask is larger than memory
        found.update(np.ascontiguousarray(rows, dtype=np.uint8).tobytes())
    return found.hexdigest()


def scored_task(task: Task, background: bool) -> Task:
    """Return the task whose classes are scored: its own, with `background` label 0 before them."""
    return replace(task, classes=(BACKGROUND, *task.classes)) if background else task


def count_from_one(labels: np.ndarray) -> np.ndarray:
    """Raise every label by one, so that 0 is a class like others; 255 stays ignored."""
    raised: np.ndarray = np.where(labels == IGNORE, IGNORE, labels.astype(np.int16) + 1)
    return raised.astype(np.uint8)
