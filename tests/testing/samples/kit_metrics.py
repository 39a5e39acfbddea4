"""A right overlap and a right distance and, by the param `fault`, ones that are wrong in a single way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import segkit


@dataclass(frozen=True)
class Params:
    fault: str = segkit.param("none", "What is wrong with it.", measured=True)


def measure(prediction: Any, mask: Any, spacing: Any, task: segkit.Task, options: Any) -> segkit.Measurement:
    """Count, and take the distance between the first corners of each class."""
    import numpy as np

    fault = options["fault"]
    if fault == "inputs-kept":
        prediction[mask == segkit.IGNORE] = 0
    valid = mask != segkit.IGNORE
    labels = range(1, len(task.classes) + 1)
    pairs = [(prediction == label, mask == label) for label in labels]
    kind = np.int32 if fault == "counts" else np.int64
    steps = np.ones(mask.ndim) if spacing is None or fault == "spacing" else np.asarray(spacing)

    def extent(side: Any) -> float:
        if not side.any():
            return float("nan")
        found = np.argwhere(side)
        return float(np.hypot.reduce((found.max(axis=0) - found.min(axis=0)) * steps))

    rows = [np.array([r.any() and r[: len(r) // 2].sum() / r.sum()]) for _, r in pairs]
    return segkit.Measurement(
        true_positive=np.array([(p & r & valid).sum() for p, r in pairs], kind),
        false_positive=np.array([(p & ~r & valid).sum() for p, r in pairs], kind),
        false_negative=np.array([(~p & r & valid).sum() for p, r in pairs], kind),
        true_negative=np.array([(~p & ~r & valid).sum() for p, r in pairs], kind),
        shape=mask.shape,
        spacing=spacing,
        distances={"extent": [np.array([extent(p & valid), extent(r & valid)]) for p, r in pairs], "rows": rows},
    )


def build(task: segkit.Task, params: Any) -> Any:
    """Build 2 TP / (R + P), NaN where a class is on neither side."""
    import numpy as np

    fault = params.fault

    def score(measured: segkit.Measurement) -> Any:
        total = measured.reference + measured.predicted
        if fault == "empties":
            return 2 * measured.true_positive / total
        value = np.where(total == 0, np.nan, 2 * measured.true_positive / np.maximum(total, 1))
        if fault == "range":
            return value + 1
        if fault == "symmetry":
            return value * [1 - 0.1 * float(part[0]) for part in measured.distances["rows"]]
        if fault == "poolable":
            return value * (0.5 if not measured.distances else 1)
        return value

    return score


def build_extent(task: segkit.Task, params: Any) -> Any:
    """Build the difference between the diagonals of the boxes around a class."""
    import numpy as np

    return lambda measured: np.array([abs(p - r) for p, r in measured.distances["extent"]])
