"""Cross entropy."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional

from segkit import IGNORE, Task
from segkit_losses.common import (
    LossFunction,
    at_least_float32,
    class_by_class,
    is_soft,
    of_labels,
    shares_and_valid,
    weight_of_pixels,
    weights_of_labels,
    with_background,
)
from segkit_losses.params import CeParams


def build(task: Task, params: CeParams) -> LossFunction:
    """Return -log p of the mask's label, p the softmax over background and classes, averaged over valid pixels.

    With K = 1 the softmax is that of [0, logit], and the loss equals binary cross entropy. With class weights the mean
    is the weighted one, sum(w_t loss) / sum(w_t), as torch's. Of overlapping classes it is the mean over classes of the
    cross entropy of each, weighted by the class weights, one per class.

    Raises:
        UsageError: there is not one weight for each label.
    """
    weights = weights_of_labels(task, params.class_weights, "loss ce: class_weights")
    if task.overlapping:
        return class_by_class(task, weights, lambda one: build(one, replace(params, class_weights=())))

    @at_least_float32
    def cross_entropy(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        weight = weights.to(logits)
        if is_soft(mask):
            return of_shares(logits, mask, weight, params.label_smoothing)
        values = functional.cross_entropy(
            with_background(logits),
            mask,
            weight=weight,
            ignore_index=IGNORE,
            reduction="none",
            label_smoothing=params.label_smoothing,
        )
        total = weight_of_pixels(mask, weight).flatten(1).sum(dim=1)
        return values.flatten(1).sum(dim=1) / total.where(total > 0, 1)

    return cross_entropy


def of_shares(logits: torch.Tensor, mask: torch.Tensor, weight: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    """Return the cross entropy (N,) against shares: its mean over readers, least where the softmax is their mean."""
    shares, valid = shares_and_valid(mask)
    shares = of_labels(shares).to(logits.dtype)
    values = functional.cross_entropy(
        with_background(logits), shares, weight=weight, reduction="none", label_smoothing=label_smoothing
    )
    weights = (shares * weight.reshape(-1, *[1] * (logits.ndim - 2))).sum(dim=1)
    total = weights.masked_fill(~valid, 0).flatten(1).sum(dim=1)
    return values.masked_fill(~valid, 0).flatten(1).sum(dim=1) / total.where(total > 0, 1)
