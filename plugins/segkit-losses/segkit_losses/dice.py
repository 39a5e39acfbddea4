"""The soft Dice loss."""

from __future__ import annotations

import torch

from segkit import Task
from segkit_losses import DiceParams
from segkit_losses.common import LossFunction, at_least_float32, one_hot, valid_pixels, with_background

SMALLEST_DENOMINATOR = 1e-7


def build(task: Task, params: DiceParams) -> LossFunction:
    """Return the mean over classes of 1 - (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth), per sample.

    p is the softmax over background and classes ([0, logit] where K = 1: the sigmoid), t the one-hot mask; the sums go
    over the sample's valid pixels. `squared` takes sum(p^2) in place of sum(p), as Milletari, Navab and Ahmadi (2016)
    do. The defaults (smooth 1e-5, classes without background, an absent class keeps its term) are nnU-Net's with
    batch_dice off, plus 1. With smooth 0 an absent class costs 1 whatever is predicted, without gradient.
    Range 0 to 1.
    """

    @at_least_float32
    def dice(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        logits = with_background(logits)
        valid = valid_pixels(mask).unsqueeze(1)
        target = one_hot(mask, logits.shape[1])
        probability = logits.softmax(dim=1).masked_fill(~valid, 0)
        if not params.include_background:
            target, probability = target[:, 1:], probability[:, 1:]
        per_class, present = dice_per_class(probability, target, params)
        if params.absent == "zero":
            per_class = per_class * present
        weight = present if params.absent == "skip" else torch.ones_like(present)
        weight = weight & valid.flatten(1).any(dim=1, keepdim=True)
        return (per_class * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)

    return dice


def dice_per_class(
    probability: torch.Tensor, target: torch.Tensor, params: DiceParams
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of each class and whether the mask has it, both (N, classes).

    Args:
        probability: (N, classes, *S), 0 where the mask says ignore.
        target: bool, of the same shape.
    """
    overlap = (probability * target).flatten(2).sum(dim=2)
    predicted = (probability.square() if params.squared else probability).flatten(2).sum(dim=2)
    reference = target.flatten(2).sum(dim=2)
    denominator = (predicted + reference + params.smooth).clamp(min=SMALLEST_DENOMINATOR)
    return 1 - (2 * overlap + params.smooth) / denominator, reference > 0
