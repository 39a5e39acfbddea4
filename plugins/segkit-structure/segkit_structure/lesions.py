"""Scores of lesions: how many were found, and how well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from segkit import Measurement, Task
from segkit_structure.components import Lesions
from segkit_structure.matching import matched
from segkit_structure.params import CountParams, LesionParams

Score = Callable[[Measurement], np.ndarray]


@dataclass(frozen=True)
class Found:
    """What a rule says of the lesions of one class.

    Attributes:
        predicted, reference: how many lesions each side has.
        right: predicted lesions that are one of the mask's; with `found` the same number where lesions go in pairs.
        found: lesions of the mask that were found.
        quality: mean IoU of the matches; NaN without one.
    """

    predicted: int
    reference: int
    right: int
    found: int
    quality: float

    @property
    def f1(self) -> float:
        """Harmonic mean of the share of predicted lesions that is right and the share of the mask's that is found."""
        if not self.right or not self.found:
            return 0.0
        if self.right == self.found:
            return 2 * self.found / (self.predicted + self.reference)
        precision, recall = self.right / self.predicted, self.found / self.reference
        return 2 * precision * recall / (precision + recall)


def lesion_f1(task: Task, params: LesionParams) -> Score:
    """Return 2 TP / (2 TP + FP + FN) of lesions per class; range 0 to 1.

    A case where one side has lesions and the other none scores 0, one where neither has any `both_empty`.
    """
    return per_class(lambda found: found.f1, params)


def panoptic_quality(task: Task, params: LesionParams) -> Score:
    """Return the sum of the matches' IoU over TP + FP / 2 + FN / 2 per class; range 0 to 1.

    A case where one side has lesions and the other none scores 0, one where neither has any `both_empty`.
    """
    return per_class(lambda found: found.f1 * found.quality if found.found else 0.0, params)


def lesion_count_error(task: Task, params: CountParams) -> Score:
    """Return |predicted - reference| lesions per class; 0 is best."""

    def score(measured: Measurement) -> np.ndarray:
        values = np.full(len(measured.reference), float(params.both_empty))
        for label, rows in enumerate(measured.distances[f"lesions:{params.connectivity}"]):
            both = Lesions.of_rows(rows, params.minimum_size)
            if len(both.predicted) or len(both.reference):
                values[label] = abs(len(both.predicted) - len(both.reference))
        return values

    return score


def per_class(value: Callable[[Found], float], params: LesionParams) -> Score:
    """Return the score that takes a value from what the rule found of each class."""

    def score(measured: Measurement) -> np.ndarray:
        values = np.full(len(measured.reference), float(params.both_empty))
        for label, rows in enumerate(measured.distances[f"lesions:{params.connectivity}"]):
            both = Lesions.of_rows(rows, params.minimum_size)
            if len(both.predicted) or len(both.reference):
                values[label] = value(found_by(both, params))
        return values

    return score


def found_by(both: Lesions, params: LesionParams) -> Found:
    """Apply the rule of the params."""
    matches = matched(both, params)
    quality = float(matches.overlaps.mean()) if len(matches.overlaps) else float("nan")
    return Found(matches.predicted, matches.reference, matches.right, matches.found, quality)
