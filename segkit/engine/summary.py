"""Aggregate case scores: cases.csv and the score rows of summary.json."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segkit.declarations import Metric, Task
from segkit.engine.measure import UNANNOTATED, CaseScores, ChosenMetric
from segkit.engine.over_cases import of_all_cases
from segkit.engine.pooled import Pooled, pool
from segkit.engine.shapes import EXPECTED, OF_DATASET
from segkit.errors import UsageError
from segkit.files import write_table
from segkit.statistics import summarize

ALL_CLASSES = "all classes"
SPATIAL = ("mm", "mm2", "mm3", "ml")
"""Units that stand for pixels where nobody knows how large these are."""
CASE_MEAN, POOLED = "case_mean", "pooled"
OVER_CASES = "over_cases"
"""How a metric is aggregated that is taken of all cases together: there is no other way."""
HOW = {CASE_MEAN: "mean over cases", POOLED: "pooled over cases", OVER_CASES: "over all cases"}


def write_cases(
    path: Path,
    scores: Sequence[CaseScores],
    task: Task,
    metrics: Sequence[ChosenMetric],
    dataset_of: Callable[[str], str] | None = None,
) -> None:
    """Write one row per case and class; floats in full, so that nothing is lost.

    Args:
        dataset_of: which of several datasets a case is of; None where there is one.
    """
    metrics = [metric for metric in metrics if not metric.over_cases]
    columns = ["case", "group", "class", "reference", "predicted", "status", *(metric.name for metric in metrics)]
    expected = any(row.expected is not None for row in scores)
    columns += [EXPECTED] if expected else []
    columns += [OF_DATASET] if dataset_of else []
    rows = []
    for row in scores:
        known = ["" if row.expected is None else f"{row.expected:.4f}"] if expected else []
        known += [dataset_of(row.case)] if dataset_of else []
        for label, name in enumerate(task.classes):
            values = [float(row.values[metric.name][label]) for metric in metrics]
            counts = [int(row.reference[label]), int(row.predicted[label])]
            rows.append([row.case, row.group or "", name, *counts, row.status(label), *values, *known])
    write_table(path, columns, rows)


def check_aggregations(aggregations: Sequence[str], metrics: Sequence[Metric]) -> None:
    """Raise UsageError where none is named, where a metric cannot be taken so, or where the main one has no cases."""
    if metrics and metrics[0].over == "cases":
        raise UsageError(
            f"metric {metrics[0].name} is taken of all cases together: no single case could be the worst by it",
            "name a metric that each case has a value of first",
        )
    if not aggregations:
        raise UsageError("evaluate.aggregation names none", f"say {CASE_MEAN} or {POOLED}")
    distances = [metric.name for metric in metrics if not metric.poolable and metric.over == "case"]
    if POOLED in aggregations and distances:
        raise UsageError(
            f"evaluate.aggregation={POOLED}: {' and '.join(distances)} cannot be taken of counts summed over cases",
            f"say {CASE_MEAN}, or leave out {' and '.join(distances)}",
        )


def score_rows(
    scores: Sequence[CaseScores],
    task: Task,
    metrics: Sequence[ChosenMetric],
    aggregations: Sequence[str] = (CASE_MEAN,),
) -> list[dict[str, Any]]:
    """Summarise every metric per class, and over the classes where there are several.

    Args:
        task: whose classes were scored (`scored_task` where label 0 was one of them).
        aggregations: "case_mean" and "pooled", the main one first.
    """
    rows = []
    for metric in metrics:
        for aggregation in [OVER_CASES] if metric.over_cases else dict.fromkeys(aggregations):
            pooled = None
            if aggregation != CASE_MEAN:
                pooled = of_all_cases(metric, scores) if aggregation == OVER_CASES else pool(metric, scores)
            for name, classes in class_slices(task).items():
                figures = pooled_figures(pooled, classes, scores) if pooled else mean_figures(metric, classes, scores)
                rows.append(score_row(metric, aggregation, name, classes, figures, scores))
    return rows


def class_slices(task: Task) -> dict[str, slice]:
    """Return which values each row is made of, by its class: every class alone, then all where there are several."""
    each = {name: slice(label, label + 1) for label, name in enumerate(task.classes)}
    return {**each, ALL_CLASSES: slice(None)} if len(each) > 1 else each


def mean_figures(metric: ChosenMetric, classes: slice, scores: Sequence[CaseScores]) -> dict[str, Any]:
    """Return the mean over cases per class, then over classes, with its spread."""
    values = np.stack([row.values[metric.name] for row in scores])[:, classes]
    summary = summarize(values, [row.group for row in scores])
    infinite = "the median is infinite" if summary.median is not None and math.isinf(summary.median) else ""
    return {
        "mean": number(summary.mean),
        "std": number(summary.std),
        "median": number(summary.median),
        "ci_low": number(summary.ci_low),
        "ci_high": number(summary.ci_high),
        "ci_method": summary.method,
        "n": summary.n,
        "note": "; ".join(part for part in (summary.note, infinite) if part),
    }


def pooled_figures(pooled: Pooled, classes: slice, scores: Sequence[CaseScores]) -> dict[str, Any]:
    """Return the score of the counts summed over cases; it has no spread over cases."""
    value, interval, method, note = pooled.figure(classes)
    low, high = interval or (None, None)
    return {
        "mean": number(value),
        "std": None,
        "median": None,
        "ci_low": number(low),
        "ci_high": number(high),
        "ci_method": method,
        "n": sum(row.annotated is None or bool(row.annotated[classes].any()) for row in scores),
        "note": note,
    }


def score_row(
    metric: ChosenMetric,
    aggregation: str,
    class_name: str,
    classes: slice,
    figures: Mapping[str, Any],
    scores: Sequence[CaseScores],
) -> dict[str, Any]:
    """Put figures, conventions and counts of one metric and class, or of all classes, together."""
    labels = range(*classes.indices(len(scores[0].reference)))
    counts = Counter(row.status(label) for row in scores for label in labels)
    unannotated = counts[UNANNOTATED]
    # A case that was annotated for other classes only is none of this one's.
    n_cases = len(scores) - (unannotated if len(labels) == 1 else 0)
    how = HOW[aggregation] + (", then classes" if class_name == ALL_CLASSES else "")
    per_class = {name: [float(values[label]) for label in labels] for name, values in metric.per_class.items()}
    said = (f"{name}={','.join(f'{value:g}' for value in dict.fromkeys(each))}" for name, each in per_class.items())
    convention = ", ".join(part for part in (how, metric.convention, *said, readers_text(metric, labels)) if part)
    return {
        "metric": metric.name,
        "aggregation": aggregation,
        "name": f"{metric.name} ({convention})",
        "class": class_name,
        "unit": unit(metric, scores),
        "per_class": per_class,
        **from_readers(metric, labels),
        **figures,
        "n_cases": n_cases,
        "n_empty": counts["empty"],
        # Counted beside every mean: elsewhere a case without a prediction drops out of it, and a mean rises as a
        # model finds fewer structures (MONAI #9095).
        "n_missed": counts["missed"],
        "n_spurious": counts["spurious"],
        **({"n_unannotated": unannotated} if unannotated else {}),
    }


def from_readers(metric: ChosenMetric, labels: Sequence[int]) -> dict[str, Any]:
    """Return which readers a metric's params were taken from, of the classes of a row; nothing where they were said."""
    if metric.readers is None:
        return {}
    pairs = [metric.readers.pairs[label] for label in labels]
    return {"from_readers": {"split": metric.readers.split, "cases": metric.readers.cases, "pairs": pairs}}


def readers_text(metric: ChosenMetric, labels: Sequence[int]) -> str:
    """Say of how many pairs of readers a metric's params were taken; "" where they were said."""
    if metric.readers is None:
        return ""
    pairs = sorted({metric.readers.pairs[label] for label in labels})
    count = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    return f"of {count} pair{'s' if pairs[-1] != 1 else ''} of readers of {metric.readers.split} cases"


def unit(metric: ChosenMetric, scores: Sequence[CaseScores]) -> str:
    """Return the metric's unit; one of space is pixels where no case has a spacing."""
    declared = metric.declaration.unit
    spacings = [row.counts[metric.name].spacing for row in scores if metric.name in row.counts]
    without = bool(spacings) and all(spacing is None for spacing in spacings)
    return "pixels" if declared in SPATIAL and without else declared


def number(value: float | None) -> float | None:
    """Return a finite float, or None, which JSON can hold."""
    return float(value) if value is not None and math.isfinite(value) else None
