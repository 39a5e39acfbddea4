"""What is done to a network's scores after training: how sure they are, and from where on there is foreground."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from segkit.engine.decoding import decode
from segkit.errors import SegkitError

NO_SHIFT = 1e-12


@dataclass(frozen=True)
class Calibration:
    """Scores K times a factor plus a shift, and a threshold of the foreground's probability.

    Attributes:
        scale, shift: one per channel of scores.
        threshold: probability of foreground from which on a pixel is; None for the most probable label.
    """

    scale: tuple[float, ...]
    shift: tuple[float, ...]
    threshold: float | None = None

    @property
    def keeps_labels(self) -> bool:
        """Whether the most probable label stays what it was: one positive factor for all, and no shift."""
        same = max(self.scale) == min(self.scale) > 0
        return same and all(abs(value) <= NO_SHIFT for value in self.shift)

    def apply(self, scores: torch.Tensor) -> torch.Tensor:
        """Return calibrated scores (K, *block)."""
        shape = (-1, *[1] * (scores.ndim - 1))
        scale, shift = (torch.tensor(row, dtype=scores.dtype, device=scores.device) for row in (self.scale, self.shift))
        return scores * scale.reshape(shape) + shift.reshape(shape)

    def labels(self, scores: torch.Tensor) -> torch.Tensor:
        """Decode scores (K, *block) to labels (*block) uint8."""
        if self.threshold is None:
            # Of the scores as they were where that gives the same: rounding could break ties otherwise.
            return decode(scores if self.keeps_labels else self.apply(scores))
        return decode_at(self.apply(scores), self.threshold)


def calibrated(scores: torch.Tensor, calibration: Calibration | None) -> torch.Tensor:
    """Return calibrated scores (K, *block), the same where nothing was calibrated."""
    return scores if calibration is None else calibration.apply(scores)


def labelled(scores: torch.Tensor, calibration: Calibration | None, *, overlapping: bool = False) -> torch.Tensor:
    """Decode scores (K, *block) to labels (*block) uint8, as the calibration says where there is one.

    Classes that overlap are not calibrated: `segkit calibrate` refuses them.
    """
    return decode(scores, overlapping=overlapping) if calibration is None else calibration.labels(scores)


def decode_at(scores: torch.Tensor, threshold: float | None) -> torch.Tensor:
    """Decode calibrated scores (K, *block) with a threshold of the foreground's probability; None: as ever."""
    if threshold is None:
        return decode(scores)
    inside = foreground_odds(scores) >= logit(threshold)
    if len(scores) == 1:
        return inside.to(torch.uint8)
    return torch.where(inside, 1 + scores[1:].argmax(dim=0), 0).to(torch.uint8)


def decode_share(probabilities: torch.Tensor, threshold: float) -> torch.Tensor:
    """Decode probabilities (K', *block) as `decode_at` decodes scores."""
    if len(probabilities) == 1:
        return (probabilities[0] >= threshold).to(torch.uint8)
    inside = 1 - probabilities[0] >= threshold
    return torch.where(inside, 1 + probabilities[1:].argmax(dim=0), 0).to(torch.uint8)


def threshold_of(calibration: Calibration | None) -> float | None:
    """Return the threshold of the foreground's probability; None where the most probable label is taken."""
    return None if calibration is None else calibration.threshold


def foreground_odds(scores: torch.Tensor) -> torch.Tensor:
    """Return the logit of the probability that a pixel is of any class, of scores (K, *block)."""
    return scores[0] if len(scores) == 1 else scores[1:].logsumexp(dim=0) - scores[0]


def logit(probability: float) -> float:
    """Return the logit of a probability, infinite at 0 and 1."""
    if probability in (0, 1):
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))


def calibration_of(header: Mapping[str, Any], classes: Sequence[str], channels: int, file: str) -> Calibration | None:
    """Return what a checkpoint's header says was done to its scores; None where nothing was.

    Raises:
        SegkitError: it was calibrated for other classes, or the record makes no sense.
    """
    record = header.get("calibration")
    if not record:
        return None
    if list(record["classes"]) != list(classes):
        raise SegkitError(
            f"{file} was calibrated for other classes: {', '.join(record['classes'])}, not {', '.join(classes)}",
            "calibrate the model again: segkit calibrate RUN",
        )
    scale = tuple(record.get("scale") or (1.0,) * channels)
    shift = tuple(record.get("shift") or (0.0,) * channels)
    if len(scale) != channels or len(shift) != channels:
        raise SegkitError(
            f"{file}: its calibration has {len(scale)} factors and {len(shift)} shifts for {channels} channels",
            "calibrate the model again: segkit calibrate RUN",
        )
    risk = record.get("risk") or {}
    return Calibration(scale, shift, risk.get("threshold"))
