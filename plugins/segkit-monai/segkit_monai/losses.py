"""MONAI's losses, one value per sample, ignored pixels left out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from monai import losses

from segkit import IGNORE, Task
from segkit_monai import params as of

MonaiLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def per_sample(loss: MonaiLoss) -> LossFunction:
    """Return fn(logits (N, K, *S), mask (N, *S)) -> (N,): a loss on each sample's valid pixels alone.

    These losses look at every pixel by itself, so a sample's valid pixels in a row are an image like another. MONAI's
    own `ignore_index` counts ignored pixels in means.
    """

    def function(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        values = []
        # In half precision sums over an image overflow.
        for sample, labels in zip(logits.float().flatten(2), mask.flatten(1), strict=True):
            valid = labels != IGNORE
            target = labels[valid][None, None]
            if target.numel():
                values.append(loss(sample[None, :, valid], target.float() if sample.shape[0] == 1 else target))
            else:
                values.append((sample * 0).sum())
        return torch.stack(values)

    return function


def activation(task: Task) -> dict[str, bool]:
    """Return what turns K logits into probabilities, and labels into as many channels."""
    several = task.out_channels > 1
    return {"sigmoid": not several, "softmax": several, "to_onehot_y": several}


def background(task: Task, params: of.LossParams) -> bool:
    """Whether label 0 counts; a single channel has no background of its own."""
    return params.include_background or task.out_channels == 1


def dice(task: Task, params: of.LossParams) -> LossFunction:
    """Return DiceLoss."""
    return per_sample(losses.DiceLoss(include_background=background(task, params), **activation(task)))


def dicece(task: Task, params: of.LossParams) -> LossFunction:
    """Return DiceCELoss."""
    return per_sample(losses.DiceCELoss(include_background=background(task, params), **activation(task)))


def dicefocal(task: Task, params: of.FocalParams) -> LossFunction:
    """Return DiceFocalLoss."""
    return per_sample(
        losses.DiceFocalLoss(include_background=background(task, params), gamma=params.gamma, **activation(task))
    )


def generalized_dice(task: Task, params: of.LossParams) -> LossFunction:
    """Return GeneralizedDiceLoss."""
    return per_sample(losses.GeneralizedDiceLoss(include_background=background(task, params), **activation(task)))


def focal(task: Task, params: of.FocalParams) -> LossFunction:
    """Return FocalLoss, on the softmax where there are several classes."""
    several = task.out_channels > 1
    return per_sample(
        losses.FocalLoss(
            include_background=background(task, params), gamma=params.gamma, to_onehot_y=several, use_softmax=several
        )
    )


def tversky(task: Task, params: of.TverskyParams) -> LossFunction:
    """Return TverskyLoss."""
    return per_sample(
        losses.TverskyLoss(
            include_background=background(task, params), alpha=params.alpha, beta=params.beta, **activation(task)
        )
    )
