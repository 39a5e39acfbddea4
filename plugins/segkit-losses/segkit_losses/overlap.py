"""What the losses over regions share: soft counts per class, and the mean over classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from segkit import Task
from segkit_losses.common import (
    is_soft,
    of_labels,
    one_hot,
    shares_and_valid,
    valid_pixels,
    weights_of_labels,
    with_background,
)
from segkit_losses.params import Absent, Weights

SMALLEST_DENOMINATOR = 1e-7


@dataclass(frozen=True)
class SoftCounts:
    """Sums over the valid pixels of each sample, all (N, classes).

    Attributes:
        overlap: of probability times target.
        predicted: of the probability, or of its square.
        reference: of the target.
        valid: (N, 1), whether the sample has any valid pixel; (N, classes) where these overlap.
    """

    overlap: torch.Tensor
    predicted: torch.Tensor
    reference: torch.Tensor
    valid: torch.Tensor

    @property
    def present(self) -> torch.Tensor:
        """Whether the mask has the class."""
        return self.reference > 0


def soft_counts(
    task: Task, logits: torch.Tensor, mask: torch.Tensor, include_background: bool, squared: bool = False
) -> SoftCounts:
    """Return the soft counts of logits (N, K, *S), by the softmax over background and classes, and a mask (N, *S).

    Of overlapping classes, whose mask is (N, K, *S), they are by the sigmoid of each; there is no background then.
    """
    if task.overlapping:
        valid = valid_pixels(mask)
        return counts_of(logits.sigmoid(), mask.where(valid, 0), valid, squared)
    logits = with_background(logits)
    probability = logits.softmax(dim=1)
    if is_soft(mask):
        shares, valid = shares_and_valid(mask)
        target = of_labels(shares) * valid.unsqueeze(1)
    else:
        target, valid = one_hot(mask, logits.shape[1]), valid_pixels(mask)
    if not include_background:
        target, probability = target[:, 1:], probability[:, 1:]
    return counts_of(probability, target, valid.unsqueeze(1), squared)


def counts_of(probability: torch.Tensor, target: torch.Tensor, valid: torch.Tensor, squared: bool) -> SoftCounts:
    """Return the soft counts of probabilities and targets (N, classes, *S) over valid pixels, (N, 1 or classes, *S)."""
    probability = probability.masked_fill(~valid, 0)
    return SoftCounts(
        overlap=(probability * target).flatten(2).sum(dim=2),
        predicted=(probability.square() if squared else probability).flatten(2).sum(dim=2),
        reference=target.flatten(2).sum(dim=2).to(probability.dtype),
        valid=valid.flatten(2).any(dim=2),
    )


def ratio(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """Return a quotient of two sums that are not negative; 0 where both are."""
    return numerator / denominator.clamp(min=SMALLEST_DENOMINATOR)


class ClassMean:
    """The weighted mean over classes of (N, classes) values, by the convention for classes that a mask lacks."""

    def __init__(self, task: Task, loss: str, class_weights: Weights, include_background: bool, absent: Absent) -> None:
        """Raises UsageError where there is not one weight for each label."""
        self.weights = weights_of_labels(task, class_weights, f"loss {loss}: class_weights")
        self.include_background = include_background or task.overlapping
        self.absent = absent

    def __call__(self, values: torch.Tensor, present: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Return (N,); 0 without gradient where a sample has no valid pixel, or nothing that counts."""
        weights = self.weights if self.include_background else self.weights[1:]
        weights = weights[-values.shape[1] :].to(values) * valid
        if self.absent == "skip":
            weights = weights * present
        if self.absent == "zero":
            values = values * present
        total = weights.sum(dim=1)
        return (values * weights).sum(dim=1) / total.where(total > 0, 1)
