"""The Dice that an image's label map can expect, of a model that was calibrated: with the line that validation gave."""

from __future__ import annotations

from dataclasses import dataclass

from segkit.engine.ensemble import Ensemble
from segkit.engine.expected import ExpectedDice
from segkit.model import Model


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


def estimate_of(model: Model, ensemble: Ensemble) -> Estimate | None:
    """Return what estimates an image; None where it is not known how well that would rank images.

    An estimate belongs to one model: of several together nobody has measured it.
    """
    record = (model.header.get("calibration") or {}).get("expected")
    if not record or len(ensemble.predictors) > 1:
        return None
    calibration = ensemble.predictors[0].calibration
    threshold = calibration.threshold if calibration else None
    return Estimate(ExpectedDice(len(model.task.classes), threshold), record["slope"], record["intercept"])
