"""The focal loss."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional

from segkit import IGNORE, Task
from segkit_losses.common import (
    LossFunction,
    at_least_float32,
    class_by_class,
    mean_over_pixels,
    one_hot,
    targets_of_logits,
    valid_pixels,
    weight_of_pixels,
    weights_of_labels,
    with_background,
)
from segkit_losses.params import FocalParams


def build(task: Task, params: FocalParams) -> LossFunction:
    """Return -alpha_t (1 - p_t)^gamma log p_t, averaged over valid pixels (Lin et al. 2017).

    p_t is the probability of the mask's label, by the softmax over background and classes; in the form `sigmoid` it is
    that of each logit against the rest, and the mean goes over logits too. With K = 1 both are the same. alpha_t is a
    factor by label and not divided out again: with K = 1, 0.75,0.25 is the paper's alpha 0.25. Of overlapping classes
    it is the mean over classes of the loss of each, weighted by alpha, one per class.

    Raises:
        UsageError: there is not one factor for each label.
    """
    alpha = weights_of_labels(task, params.alpha, "loss focal: alpha")
    if task.overlapping:
        return class_by_class(task, alpha, lambda one: build(one, replace(params, alpha=())))
    focal_values = values_of_softmax if params.form == "softmax" else values_of_sigmoid

    @at_least_float32
    def focal(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        values = focal_values(logits, mask, params.gamma) * weight_of_pixels(mask, alpha.to(logits))
        return mean_over_pixels(values, valid_pixels(mask))

    return focal


# Both take log(1 - p) from the logits: the derivative of (1 - p)^gamma at p = 1 is infinite for gamma < 1.


def values_of_softmax(logits: torch.Tensor, mask: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return the focal loss of each pixel's label, (N, *S)."""
    logits = with_background(logits)
    others = logits.masked_fill(one_hot(mask, logits.shape[1]), -torch.inf)
    log_rest = others.logsumexp(dim=1) - logits.logsumexp(dim=1)
    return (gamma * log_rest).exp() * functional.cross_entropy(logits, mask, ignore_index=IGNORE, reduction="none")


def values_of_sigmoid(logits: torch.Tensor, mask: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return the mean over logits of the focal loss of each against the rest, (N, *S)."""
    margin = torch.where(targets_of_logits(mask, logits), logits, -logits)
    return (-(gamma * functional.logsigmoid(-margin)).exp() * functional.logsigmoid(margin)).mean(dim=1)
