"""The Lovász hinge and the Lovász softmax."""

from __future__ import annotations

import torch

from segkit import Task
from segkit_losses.common import LossFunction, at_least_float32, one_hot, valid_pixels
from segkit_losses.overlap import ClassMean
from segkit_losses.params import LovaszParams


def build(task: Task, params: LovaszParams) -> LossFunction:
    """Return the Lovász extension of the Jaccard loss, a mean over classes, per sample (Berman et al. 2018).

    With K = 1 it is the Lovász hinge of the class: errors 1 - logit inside and 1 + logit outside the mask, from 0
    without bound; so it is of each overlapping class. With several logits it is the Lovász softmax: errors |t - p|,
    range 0 to 1. A class that the mask lacks costs its largest error. Where errors are equal the gradient is one of
    several subgradients.

    Raises:
        UsageError: there is not one weight for each label.
    """
    with_background = params.include_background and task.out_channels > 1 and not task.overlapping
    mean = ClassMean(task, "lovasz", params.class_weights, with_background, params.absent)

    @at_least_float32
    def lovasz(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if task.overlapping or logits.shape[1] == 1:
            target = mask == 1 if task.overlapping else (mask == 1).unsqueeze(1)
            errors = 1 - torch.where(target, logits, -logits)
        else:
            first = 0 if with_background else 1
            target = one_hot(mask, logits.shape[1])[:, first:]
            errors = (target.to(logits.dtype) - logits.softmax(dim=1)[:, first:]).abs()
        valid = valid_pixels(mask if task.overlapping else mask.unsqueeze(1)).flatten(2)
        values = lovasz_extension(errors.flatten(2), target.flatten(2), valid)
        return mean(values, target.flatten(2).any(dim=2), valid.any(dim=2))

    return lovasz


def lovasz_extension(errors: torch.Tensor, target: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return the Lovász extension of the Jaccard loss at the positive part of the errors, (N, classes).

    Args:
        errors: (N, classes, P).
        target: bool (N, classes, P).
        valid: bool (N, 1, P), or (N, classes, P).
    """
    # Ignored pixels come last and count 0, so that the others meet the set function as if they were alone.
    ranked, order = errors.masked_fill(~valid, -torch.inf).sort(dim=2, descending=True, stable=True)
    inside = target.gather(2, order)
    # Counts are whole numbers: a float32 sum would stop counting at 16.8 million voxels.
    size = inside.sum(dim=2, keepdim=True)
    overlap = size - inside.cumsum(dim=2)
    union = size + (~inside).cumsum(dim=2)
    jaccard_loss = 1 - overlap.to(errors.dtype) / union.to(errors.dtype)
    slope = jaccard_loss.diff(dim=2, prepend=torch.zeros_like(jaccard_loss[:, :, :1]))
    return (ranked.clamp(min=0) * slope).sum(dim=2)
