"""Aggregate case scores: cases.csv and the score rows of summary.json."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segkit.declarations import Task
from segkit.engine.measure import CaseScores, ChosenMetric
from segkit.files import write_text
from segkit.statistics import summarize

ALL_CLASSES = "all classes"


def write_cases(path: Path, scores: Sequence[CaseScores], task: Task, metrics: Sequence[ChosenMetric]) -> None:
    """Write one row per case and class; floats in full, so that nothing is lost."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["case", "group", "class", "reference", "predicted", "status", *(metric.name for metric in metrics)]
    )
    for row in scores:
        for label, name in enumerate(task.classes):
            values = [repr(float(row.values[metric.name][label])) for metric in metrics]
            counts = [int(row.reference[label]), int(row.predicted[label])]
            writer.writerow([row.case, row.group or "", name, *counts, row.status(label), *values])
    write_text(path, text.getvalue())


def score_rows(scores: Sequence[CaseScores], task: Task, metrics: Sequence[ChosenMetric]) -> list[dict[str, Any]]:
    """Summarise every metric per class, and over the classes where there are several."""
    rows = []
    for metric in metrics:
        values = np.stack([row.values[metric.name] for row in scores])
        for label, name in enumerate(task.classes):
            counts = Counter(row.status(label) for row in scores)
            rows.append(score_row(metric, name, values[:, [label]], counts, scores))
        if len(task.classes) > 1:
            counts = Counter(row.status(label) for row in scores for label in range(len(task.classes)))
            rows.append(score_row(metric, ALL_CLASSES, values, counts, scores))
    return rows


def score_row(
    metric: ChosenMetric, class_name: str, values: np.ndarray, counts: Counter[str], scores: Sequence[CaseScores]
) -> dict[str, Any]:
    """Summarise the values (cases, classes) of one metric: mean over cases per class, then over classes."""
    summary = summarize(values, [row.group for row in scores])
    how = "mean over cases" if class_name != ALL_CLASSES else "mean over cases, then classes"
    convention = ", ".join(part for part in (how, metric.convention) if part)
    return {
        "metric": metric.name,
        "name": f"{metric.name} ({convention})",
        "class": class_name,
        "unit": metric.declaration.unit,
        "mean": number(summary.mean),
        "std": number(summary.std),
        "median": number(summary.median),
        "ci_low": number(summary.ci_low),
        "ci_high": number(summary.ci_high),
        "ci_method": summary.method,
        "n": summary.n,
        "n_cases": len(scores),
        "n_empty": counts["empty"],
        "n_missed": counts["missed"],
        "n_spurious": counts["spurious"],
        "note": summary.note,
    }


def number(value: float | None) -> float | None:
    """Return a finite float, or None, which JSON can hold."""
    return float(value) if value is not None and math.isfinite(value) else None
