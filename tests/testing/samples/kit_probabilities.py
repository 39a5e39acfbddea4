"""A right Brier score of probabilities and, by the param `fault`, ones that are wrong in a single way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import segkit


@dataclass(frozen=True)
class Params:
    fault: str = segkit.param("none", "What is wrong with it.", measured=True)


def measure(mask: Any, spacing: Any, task: segkit.Task, options: Any) -> Any:
    """Return what adds up squared errors of the classes."""
    import numpy as np

    def add(probabilities: Any, block: Any) -> dict[str, Any]:
        part = mask[block]
        valid = part != segkit.IGNORE
        labels = np.arange(1, len(task.classes) + 1)
        truth = part[None] == labels.reshape(-1, *[1] * part.ndim)
        squares = np.where(valid, (probabilities[1:].astype(np.float64) - truth) ** 2, 0)
        if options["fault"] == "blocks":
            squares *= probabilities.max()
        number = np.array([valid.sum()], dtype=np.int64)
        return {"squares": squares.reshape(len(labels), -1).sum(axis=1), "pixels": number}

    return add


def build(task: segkit.Task, params: Params) -> Any:
    """Return the mean squared error per class, twice as large by mistake."""
    import numpy as np

    def score(measured: segkit.Measurement) -> Any:
        pixels = int(measured.sums["pixels"][0])
        if not pixels:
            return np.full(len(measured.reference), np.nan)
        values = measured.sums["squares"] / pixels
        soft = np.abs(values - np.round(values * pixels) / pixels) > 1e-6
        return np.where(soft & (params.fault == "soft-range"), values + 5, values)

    return score
