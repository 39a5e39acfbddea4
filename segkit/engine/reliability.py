"""How often a network is right by how sure it says it is, from what metrics of probabilities add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segkit.engine.measure import CaseScores, ChosenMetric

SUMS = ("counts", "right", "confidence")
"""Sums (rows, bins) of a measurement that make a diagram: pixels, right ones, and confidences summed."""
BINS = 15
"""Of the diagram (Guo et al. 2017); a metric's finer cells are joined."""
ANY, BACKGROUND = "most probable label", "background"


def reliability_record(
    scores: Sequence[CaseScores], metrics: Sequence[ChosenMetric], classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return for each metric that adds up bins what summary.json says of them, over all cases; equal ones once.

    Returns:
        Per metric its name and rows; of a row what it is of, and per bin that holds pixels their number, mean
        confidence and share of right ones.
    """
    found: list[dict[str, Any]] = []
    for metric in metrics:
        measured = [row.counts[metric.name].sums for row in scores if metric.name in row.counts]
        if not measured or not all(name in sums for sums in measured for name in SUMS):
            continue
        counts, right, confidence = (np.sum([sums[name] for sums in measured], axis=0) for name in SUMS)
        table = zip(row_names(len(counts), classes), counts, right, confidence, strict=True)
        rows = [{"of": name, **joined(*row)} for name, *row in table if row[0].any()]
        if rows and rows not in [other["rows"] for other in found]:
            found.append({"metric": metric.name, "rows": rows})
    return found


def row_names(number: int, classes: Sequence[str]) -> list[str]:
    """Return what each row of a measurement is of: all together, every class, or these after the background."""
    if number == 1:
        return [ANY]
    known = {len(classes): [*classes], len(classes) + 1: [BACKGROUND, *classes]}
    return known.get(number, [f"row {place}" for place in range(1, number + 1)])


def joined(counts: np.ndarray, right: np.ndarray, confidence: np.ndarray) -> dict[str, list[float]]:
    """Join bins (n,) to at most BINS of equal width by their mean confidence; without empty ones."""
    full = counts > 0
    mean = confidence[full] / counts[full]
    place = np.clip((mean * BINS).astype(np.int64), 0, BINS - 1)
    pixels, hits, sure = (np.bincount(place, part[full], BINS) for part in (counts, right, confidence))
    held = pixels > 0
    return {
        "pixels": pixels[held].astype(np.int64).tolist(),
        "confidence": np.clip(sure[held] / pixels[held], 0, 1).tolist(),
        "right": (hits[held] / pixels[held]).tolist(),
    }
