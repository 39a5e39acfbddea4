"""What every loss needs: precision, valid pixels, targets, weights and means per sample."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch

from segkit import IGNORE, Task, UsageError

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From logits (N, K, *S) and mask (N, *S) int64, or (N, K, *S) of overlapping classes, to one value per sample (N,).

A mask of floats (N, K, *S) is a soft target: shares of what the logits are of.
"""


def at_least_float32(function: LossFunction) -> LossFunction:
    """Raise half-precision logits to float32 and keep autocast out; float64 stays.

    Sums over a 512x512 image leave the range of half precision.
    """

    @functools.wraps(function)
    def raised(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        with torch.autocast(logits.device.type, enabled=False):
            return function(logits.to(torch.promote_types(logits.dtype, torch.float32)), mask)

    return raised


def valid_pixels(mask: torch.Tensor) -> torch.Tensor:
    """Return where a mask (N, *S) is not "ignore", as bool (N, *S)."""
    return mask != IGNORE


def is_soft(mask: torch.Tensor) -> bool:
    """Whether a mask holds shares (N, K, *S), not labels."""
    return mask.is_floating_point()


def shares_and_valid(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a soft target of exclusive classes (N, K, *S) with 0 where it is ignored, and where it counts (N, *S)."""
    valid = valid_pixels(mask[:, 0])
    return mask.where(valid.unsqueeze(1), 0), valid


def of_labels(shares: torch.Tensor) -> torch.Tensor:
    """Return shares of background and classes: 1 less the share, and the share, where K = 1."""
    return shares if shares.shape[1] > 1 else torch.cat((1 - shares, shares), dim=1)


def with_background(logits: torch.Tensor) -> torch.Tensor:
    """Return logits of background and classes: [0, logit] where K = 1, whose softmax is the sigmoid of the logit."""
    if logits.shape[1] > 1:
        return logits
    return torch.cat((torch.zeros_like(logits), logits), dim=1)


def one_hot(mask: torch.Tensor, classes: int) -> torch.Tensor:
    """Return where a mask (N, *S) has label 0, 1, ..., as bool (N, classes, *S); ignored pixels have none."""
    labels = torch.arange(classes, device=mask.device).reshape(-1, *[1] * (mask.ndim - 1))
    return mask.unsqueeze(1) == labels


def targets_of_logits(mask: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Return where each of K logits should be positive, as bool (N, K, *S): label 1 for one, label k for several."""
    return one_hot(mask, logits.shape[1]) if logits.shape[1] > 1 else (mask == 1).unsqueeze(1)


def weights_of_labels(task: Task, weights: tuple[float, ...], name: str) -> torch.Tensor:
    """Return one weight per label, background first, float64; all 1 where none are given.

    Of overlapping classes, which have no background among them, it is one per class.

    Raises:
        UsageError: their number is not that of the labels, or only background has weight.
    """
    labels = len(task.classes) + (not task.overlapping)
    if not weights:
        return torch.ones(labels, dtype=torch.float64)
    if task.overlapping and (len(weights) != labels or not any(weights)):
        raise UsageError(
            f"{name} {', '.join(format(weight, 'g') for weight in weights)} does not fit the overlapping classes "
            f"{', '.join(task.classes)}",
            f"give {labels} numbers, one per class, not all 0",
        )
    if len(weights) != labels or not any(weights[1:]):
        listed = ", ".join(("background", *task.classes))
        raise UsageError(
            f"{name} {', '.join(format(weight, 'g') for weight in weights)} does not fit the labels {listed}",
            f"give {labels} numbers, not all 0 for the classes",
        )
    return torch.tensor(weights, dtype=torch.float64)


def weight_of_pixels(mask: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the weight of each pixel's label, (N, *S); 0 where it is ignored."""
    valid = valid_pixels(mask)
    return weights[mask.where(valid, 0)] * valid


def class_by_class(task: Task, weights: torch.Tensor, build: Callable[[Task], LossFunction]) -> LossFunction:
    """Return the loss of overlapping classes that is the weighted mean over them of the loss of each on its own.

    A class that is ignored throughout a sample, such as one that it was not annotated for, is in no mean.

    Args:
        weights: one per class, (classes,).
        build: the loss of a task of one class.
    """
    one = build(Task(task.in_channels, task.classes[:1], task.spatial_dims))

    def loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        planes = mask.flatten(0, 1)
        planes = planes.unsqueeze(1) if is_soft(mask) else planes
        values = one(logits.flatten(0, 1).unsqueeze(1), planes).unflatten(0, logits.shape[:2])
        factors = weights.to(values) * valid_pixels(mask).flatten(2).any(dim=2)
        total = factors.sum(dim=1)
        mean: torch.Tensor = (values * factors).sum(dim=1) / total.where(total > 0, 1)
        return mean

    return loss


def mean_over_pixels(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return the mean per sample (N,) of values (N, *S) over its valid pixels; 0 without gradient where it has none."""
    total = values.masked_fill(~valid, 0).flatten(1).sum(dim=1)
    return total / valid.flatten(1).sum(dim=1).clamp(min=1)
