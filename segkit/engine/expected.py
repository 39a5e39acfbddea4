"""The Dice that a prediction can expect by its own probabilities and by what its members agree on, from sums."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from segkit.engine.agreement import Agreement
from segkit.engine.calibration import decode_at
from segkit.engine.decoding import probabilities
from segkit.engine.feeding import Block
from segkit.engine.infer import Predictor, shown_copies
from segkit.engine.volumes import VolumePredictor

AnyPredictor = Predictor | VolumePredictor


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
class Line:
    """From what an image's probabilities and label maps say to the Dice of validation cases that said as much.

    Attributes:
        soft: the factor of the Dice that its probabilities expect.
        agreement: the factor of the agreement of its members' label maps; 0 where nobody asks for it.
    """

    soft: float
    agreement: float
    intercept: float

    def at(self, soft: float, agreement: float | None) -> float:
        """Return the expected Dice, 0 to 1; nothing marked by anybody is no agreement."""
        return min(max(self.soft * soft + self.agreement * (agreement or 0.0) + self.intercept, 0.0), 1.0)


@dataclass(frozen=True)
class Estimate:
    """One image's estimate.

    Attributes:
        dice: adds up the image.
        agreement: adds up what the mirrored copies, or the models, agree on; None where the line does not ask.
    """

    dice: ExpectedDice
    line: Line
    agreement: Agreement | None = None

    def value(self) -> float:
        """Return the expected Dice, 0 to 1."""
        return self.line.at(self.dice.value(), self.agreement.value() if self.agreement else None)

    def told(self, predictor: AnyPredictor) -> AnyPredictor:
        """Return a single model's predictor that tells this estimate what its mirrored copies are labelled."""
        return predictor if self.agreement is None else replace(predictor, copies=self.agreement.take_labels)


def copies_of(predictor: AnyPredictor) -> Agreement | None:
    """Return what tells how far a model's mirrored or turned copies agree on an image; None where it makes no two."""
    task = predictor.task
    names = predictor.mirrored if predictor.mirror else ()
    number = len(list(shown_copies(task.spatial_dims, names, turn=predictor.turn)))
    return Agreement(number, len(task.classes), overlapping=task.overlapping) if number > 1 else None


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
