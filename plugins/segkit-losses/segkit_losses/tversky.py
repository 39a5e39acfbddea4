"""The Tversky loss and its focal form."""

from __future__ import annotations

import torch

from segkit import Task
from segkit_losses.common import LossFunction, at_least_float32
from segkit_losses.overlap import ClassMean, ratio, soft_counts
from segkit_losses.params import FocalTverskyParams, TverskyParams

SMALLEST_BASE = 1e-7


def build(task: Task, params: TverskyParams) -> LossFunction:
    """Return the mean over classes of 1 - (TP + smooth) / (TP + a FP + b FN + smooth), per sample.

    TP = sum(p t), FP = sum(p (1 - t)), FN = sum((1 - p) t) over the sample's valid pixels, p the softmax over
    background and classes ([0, logit] where K = 1), a and b the two weights (Salehi, Erdogmus and Gholipour 2017).
    0.5 and 0.5 give the Dice loss, with twice its smooth, 1 and 1 the Jaccard loss. Range 0 to 1.

    Raises:
        UsageError: there is not one weight for each label.
    """
    return build_with_exponent(task, params, "tversky", 1.0)


def build_focal(task: Task, params: FocalTverskyParams) -> LossFunction:
    """Return the mean over classes of the Tversky loss of each to the power of `exponent`, per sample.

    The exponent is 1 / gamma of Abraham and Khan (2019); the defaults are theirs. Range 0 to 1.

    Raises:
        UsageError: there is not one weight for each label.
    """
    return build_with_exponent(task, params, "focal-tversky", params.exponent)


def build_with_exponent(task: Task, params: TverskyParams, name: str, exponent: float) -> LossFunction:
    """Return the loss of both; an exponent of 1 leaves the values as they are."""
    mean = ClassMean(task, name, params.class_weights, params.include_background, params.absent)

    @at_least_float32
    def tversky(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        counts = soft_counts(task, logits, mask, params.include_background)
        spurious = params.false_positive_weight * (counts.predicted - counts.overlap)
        missed = params.false_negative_weight * (counts.reference - counts.overlap)
        index = ratio(counts.overlap + params.smooth, counts.overlap + spurious + missed + params.smooth)
        return mean(power(1 - index, exponent), counts.present, counts.valid)

    return tversky


def power(base: torch.Tensor, exponent: float) -> torch.Tensor:
    """Return base ** exponent, a straight line below SMALLEST_BASE: the derivative at 0 is infinite otherwise."""
    if exponent == 1:
        return base
    steep = base.clamp(min=SMALLEST_BASE) ** exponent
    return torch.where(base > SMALLEST_BASE, steep, base * SMALLEST_BASE ** (exponent - 1))
