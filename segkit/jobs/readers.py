"""What several readers drew of the scored cases: scores against each of them, and how far they agree (issue 22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segkit.data.case import Case, Sample
from segkit.engine.drawn import drawings_of, every_two
from segkit.engine.measure import CaseScores, ChosenMetric, score_case
from segkit.engine.predictions import read_prediction
from segkit.engine.summary import score_rows
from segkit.planning.plan import Plan


def readers_record(
    plan: Plan, metrics: Sequence[ChosenMetric], predictions: Path, cases: Sequence[Case]
) -> dict[str, Any] | None:
    """Return scores against each reader and the readers' agreement with each other, by the first metric of labels.

    Only cases that several readers drew count, so that n is the same for the agreement and may differ by reader.

    Args:
        predictions: where those of the scored cases are kept.

    Returns:
        None where the dataset has one mask per case, predictions are not kept, or every metric needs probabilities.
    """
    metric = next((one for one in metrics if one.declaration.needs != "probabilities"), None)
    if metric is None or metric.over_cases or not plan.config.evaluate.save_predictions:
        return None
    against: dict[str, list[CaseScores]] = {}
    among: list[CaseScores] = []
    for case in cases:
        drawn = drawings_of(plan.reader, case, plan.reader.task, plan.data.full_name)
        if len(drawn) < 2:
            continue
        prediction = read_prediction(plan.reader, predictions, case)
        for name, sample in drawn.items():
            assert sample.mask is not None
            against.setdefault(name, []).append(scored(plan, case, prediction, sample.mask, sample, metric))
        among.append(agreement_of(plan, case, [*drawn.values()], metric))
    if not among:
        return None
    return {
        "metric": metric.name,
        "cases": len(among),
        "against": {name: score_rows(rows, plan.task, [metric]) for name, rows in sorted(against.items())},
        "agreement": score_rows(among, plan.task, [metric]),
    }


def agreement_of(plan: Plan, case: Case, drawn: Sequence[Sample], metric: ChosenMetric) -> CaseScores:
    """Return the mean over every two readers of the score of one's mask against the other's."""
    pairs = every_two(drawn)
    rows = [scored(plan, case, one, known, other, metric) for one, known, other in pairs]
    values = np.stack([row.values[metric.name] for row in rows])
    there = ~np.isnan(values)
    total, count = np.where(there, values, 0).sum(axis=0), there.sum(axis=0)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return replace(rows[0], values={metric.name: mean})


def scored(
    plan: Plan, case: Case, prediction: np.ndarray, mask: np.ndarray, sample: Sample, metric: ChosenMetric
) -> CaseScores:
    """Score one mask against another."""
    return score_case(case, prediction, mask, sample.spacing, plan.task, [metric])
