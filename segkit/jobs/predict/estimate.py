"""The Dice that an image's label map can expect, of a model that was calibrated: with the line that validation gave."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from segkit.engine.calibration import threshold_of
from segkit.engine.ensemble import Ensemble
from segkit.engine.expected import Estimate, ExpectedDice, Line, copies_of
from segkit.engine.infer import Predictor
from segkit.engine.volumes import VolumePredictor
from segkit.model import Model


def estimate_of(headers: Sequence[Mapping[str, Any]], ensemble: Ensemble) -> Estimate | None:
    """Return what estimates an image; None where it is not known how well that would rank images.

    An estimate belongs to what it was measured with: a model with or without copies, or just these models.

    Args:
        headers: of the models' checkpoints, in the ensemble's order.
    """
    record = estimate_record(headers, ensemble)
    if record is None:
        return None
    factor = record.get("agreement_slope", 0.0)
    line = Line(record["slope"], factor, record["intercept"])
    first = ensemble.predictors[0]
    # A threshold keeps the bound of a model alone, which several are refused to have.
    dice = ExpectedDice(len(first.task.classes), threshold_of(first.calibration))
    agreement = None
    if factor:
        agreement = copies_of(first) if len(ensemble.predictors) == 1 else ensemble.agreement()
    return Estimate(dice, line, agreement)


def telling(ensemble: Ensemble, estimate: Estimate | None) -> Ensemble:
    """Return the same models, of which a single one tells an estimate what its mirrored copies are labelled."""
    if estimate is None or len(ensemble.predictors) > 1:
        return ensemble
    return Ensemble((estimate.told(ensemble.predictors[0]),))


def estimate_record(headers: Sequence[Mapping[str, Any]], ensemble: Ensemble) -> Mapping[str, Any] | None:
    """Return what a checkpoint says of how these models together, or this one alone, are to be trusted."""
    records = [header.get("calibration") or {} for header in headers]
    if len(records) == 1:
        expected: Mapping[str, Any] | None = records[0].get("expected")
        # A checkpoint of before that was kept knows of no copies.
        alone = ensemble.predictors[0]
        copies = None if expected is None else (expected.get("mirror", alone.mirror), expected.get("turn", False))
        return expected if copies == (alone.mirror, alone.turn) else None
    known = [record["together"] for record in records if record.get("together")]
    keys = member_keys(headers, ensemble) if known else []
    return next((found for found in known if sorted(found["models"]) == keys), None)


def member_keys(headers: Sequence[Mapping[str, Any]], ensemble: Ensemble) -> list[str]:
    """Return what models that predict together are known by, sorted: weights, and what is done to their scores."""
    pairs = zip(headers, ensemble.predictors, strict=True)
    return sorted(member_key(str(header.get("weights")), predictor) for header, predictor in pairs)


def member_key(weights: str, predictor: Predictor | VolumePredictor) -> str:
    """Return what one of several models is known by."""
    made = predictor.calibration
    content = [weights, None if made is None else [*made.scale, *made.shift], predictor.mirror]
    content += ["turn"] if predictor.turn else []  # left out elsewhere: keys of before stay what they are
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def why_none(models: Sequence[Model], ensemble: Ensemble) -> str:
    """Return why calibrated models show no expected Dice, in a sentence; "" where they do, or none is calibrated."""
    headers = [model.header for model in models]
    records = [header.get("calibration") or {} for header in headers]
    if estimate_record(headers, ensemble) is not None or not any(record.get("expected") for record in records):
        return ""
    if len(models) > 1:
        return "no expected Dice: it was not measured for these models together (segkit calibrate RUN --with OTHER)"
    expected = records[0]["expected"]
    how = "with" if expected["mirror"] else "without"
    turned = " and with turned ones" if expected.get("turn") else ""
    return f"no expected Dice: it was measured {how} mirrored copies{turned}, these predictions are made otherwise"
