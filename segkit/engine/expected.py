"""The Dice that a prediction can expect by its own probabilities, from sums over blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from segkit.engine.calibration import decode_at
from segkit.engine.decoding import probabilities
from segkit.engine.feeding import Block


class ExpectedDice:
    """Adds up a case: per class the probability inside the predicted label, the whole, and the label's pixels.

    Were pixels independent, 2 sum(p inside) / (pixels + sum(p)) is the expected Dice but for terms of 1 / pixels.

    Attributes:
        inside, whole: float64 (classes,).
        pixels: int64 (classes,).
    """

    def __init__(self, classes: int, threshold: float | None = None) -> None:
        self.threshold = threshold
        self.inside, self.whole = np.zeros((2, classes))
        self.pixels = np.zeros(classes, np.int64)

    def take(self, block: Block, scores: torch.Tensor) -> None:
        """Add up a block of calibrated scores (K, *block)."""
        labels = decode_at(scores, self.threshold)
        values = probabilities(scores)
        for index, values_of_class in enumerate(values if len(values) == 1 else values[1:]):
            hit = labels == index + 1
            self.inside[index] += float(values_of_class[hit].sum(dtype=torch.float64))
            self.whole[index] += float(values_of_class.sum(dtype=torch.float64))
            self.pixels[index] += int(hit.sum())

    def take_probabilities(self, values: torch.Tensor) -> None:
        """Add up a block of probabilities (K', *block) where its scores are not at hand."""
        inside = values.double().clamp(1e-12, 1 - 1e-12)
        self.take((), inside.logit() if len(inside) == 1 else inside.log())

    def per_class(self) -> np.ndarray:
        """Return the expected Dice of each class, float64 (classes,); NaN where nothing of it is predicted."""
        both = self.pixels + self.whole
        found = np.full(len(both), np.nan)
        np.divide(2 * self.inside, both, out=found, where=self.pixels > 0)
        return found

    def value(self) -> float:
        """Return the mean over the classes that are predicted; 0 where none is: nothing found is not to be trusted."""
        found = self.per_class()
        return float(np.nanmean(found)) if np.isfinite(found).any() else 0.0


@dataclass(frozen=True)
class Estimate:
    """One image's estimate.

    Attributes:
        dice: adds up the image.
        slope, intercept: from its own number to the Dice of the validation cases.
    """

    dice: ExpectedDice
    slope: float
    intercept: float

    def value(self) -> float:
        """Return the expected Dice, 0 to 1."""
        return min(max(self.slope * self.dice.value() + self.intercept, 0.0), 1.0)


def dice_of(labels: np.ndarray, mask: np.ndarray, classes: int, ignore: int = 255) -> float:
    """Return the mean Dice over the classes that either label map (*S) has; NaN where neither has any."""
    valid = mask != ignore
    found = []
    for label in range(1, classes + 1):
        predicted, reference = (labels == label) & valid, mask == label
        both = int(predicted.sum()) + int(reference.sum())
        if both:
            found.append(2 * int((predicted & reference).sum()) / both)
    return float(np.mean(found)) if found else float("nan")
