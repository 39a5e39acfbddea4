"""The Dice that an image's label map can expect, of a model that was calibrated: with the line that validation gave."""

from __future__ import annotations

from segkit.engine.ensemble import Ensemble
from segkit.engine.expected import Estimate, ExpectedDice
from segkit.model import Model


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
