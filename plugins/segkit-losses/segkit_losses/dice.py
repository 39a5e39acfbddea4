"""The soft Dice loss."""

from __future__ import annotations

import torch

from segkit import Task
from segkit_losses.common import LossFunction, at_least_float32
from segkit_losses.overlap import ClassMean, ratio, soft_counts
from segkit_losses.params import DiceParams


def build(task: Task, params: DiceParams) -> LossFunction:
    """Return the mean over classes of 1 - (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth), per sample.

    p is the softmax over background and classes ([0, logit] where K = 1: the sigmoid), t the one-hot mask; the sums go
    over the sample's valid pixels. `squared` takes sum(p^2) in place of sum(p), as Milletari, Navab and Ahmadi (2016)
    do. The defaults (smooth 1e-5, classes without background, an absent class keeps its term) are nnU-Net's with
    batch_dice off, plus 1. With smooth 0 an absent class costs 1 whatever is predicted, without gradient.
    Range 0 to 1.

    Raises:
        UsageError: there is not one weight for each label.
    """
    mean = ClassMean(task, "dice", params.class_weights, params.include_background, params.absent)

    @at_least_float32
    def dice(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        counts = soft_counts(task, logits, mask, params.include_background, params.squared)
        size = counts.predicted + counts.reference
        per_class = 1 - ratio(2 * counts.overlap + params.smooth, size + params.smooth)
        return mean(per_class, counts.present, counts.valid)

    return dice
