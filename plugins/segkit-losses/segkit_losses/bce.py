"""Binary cross entropy."""

from __future__ import annotations

import torch
from torch.nn import functional

from segkit import Task, UsageError
from segkit_losses.common import (
    LossFunction,
    at_least_float32,
    is_soft,
    mean_over_pixels,
    shares_and_valid,
    targets_of_logits,
    valid_pixels,
)
from segkit_losses.params import BceParams


def build(task: Task, params: BceParams) -> LossFunction:
    """Return -w t log s(x) - (1 - t) log(1 - s(x)), s the sigmoid, averaged over logits and valid pixels.

    With K = 1 the target t is label 1. With several logits each of the K, background included, is one against the rest.
    Of overlapping classes it is the mean over classes of each one's mean over its own valid pixels.
    w is `pos_weight` (torch's), 1 unless given. A soft target's t is the share.

    Raises:
        UsageError: there is not one weight for each logit.
    """
    if params.pos_weight and len(params.pos_weight) != task.out_channels:
        raise UsageError(
            f"loss bce: pos_weight has {len(params.pos_weight)} numbers, the network {task.out_channels} logits",
            "give one number per logit: the class, or background and each class",
        )
    if task.overlapping:
        return of_overlapping(task, params)
    pos_weight = torch.tensor(params.pos_weight, dtype=torch.float64) if params.pos_weight else None

    @at_least_float32
    def binary_cross_entropy(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if is_soft(mask):
            target, valid = shares_and_valid(mask)
        else:
            target, valid = targets_of_logits(mask, logits), valid_pixels(mask)
        factor = None if pos_weight is None else pos_weight.to(logits).reshape(-1, *[1] * (logits.ndim - 2))
        values = functional.binary_cross_entropy_with_logits(
            logits, target.to(logits.dtype), pos_weight=factor, reduction="none"
        )
        return mean_over_pixels(values.mean(dim=1), valid)

    return binary_cross_entropy


def of_overlapping(task: Task, params: BceParams) -> LossFunction:
    """Return the mean over classes of the binary cross entropy of each, weighted as `pos_weight` says."""
    factors = torch.tensor(params.pos_weight or (1.0,) * len(task.classes), dtype=torch.float64)

    @at_least_float32
    def binary_cross_entropy(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        valid = valid_pixels(mask)
        factor = factors.to(logits).reshape(-1, *[1] * (mask.ndim - 2))
        target = mask.where(valid, 0).to(logits.dtype)
        values = functional.binary_cross_entropy_with_logits(logits, target, pos_weight=factor, reduction="none")
        each = mean_over_pixels(values.flatten(0, 1), valid.flatten(0, 1)).unflatten(0, logits.shape[:2])
        seen = valid.flatten(2).any(dim=2)
        mean: torch.Tensor = each.sum(dim=1) / seen.sum(dim=1).clamp(min=1)
        return mean

    return binary_cross_entropy
