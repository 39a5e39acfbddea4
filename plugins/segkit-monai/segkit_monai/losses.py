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


def class_by_class(task: Task, build: Callable[[Task], LossFunction]) -> LossFunction:
    """Return a task's loss; of overlapping classes the mean over them of that of each, with its sigmoid.

    So MONAI's own are for several channels with a sigmoid, but for cross entropy, which is theirs of one channel here.
    A class that is ignored throughout a sample is in no mean.
    """
    if not task.overlapping:
        return build(task)
    one = build(Task(task.in_channels, task.classes[:1], task.spatial_dims))

    def function(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        places = range(logits.shape[1])
        each = torch.stack([one(logits[:, place : place + 1], mask[:, place]) for place in places], dim=1)
        seen = (mask != IGNORE).flatten(2).any(dim=2)
        return (each * seen).sum(dim=1) / seen.sum(dim=1).clamp_min(1)

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

    def build(task: Task) -> LossFunction:
        return per_sample(losses.DiceLoss(include_background=background(task, params), **activation(task)))

    return class_by_class(task, build)


def dicece(task: Task, params: of.LossParams) -> LossFunction:
    """Return DiceCELoss."""

    def build(task: Task) -> LossFunction:
        return per_sample(losses.DiceCELoss(include_background=background(task, params), **activation(task)))

    return class_by_class(task, build)


def dicefocal(task: Task, params: of.FocalParams) -> LossFunction:
    """Return DiceFocalLoss."""

    def build(task: Task) -> LossFunction:
        return per_sample(
            losses.DiceFocalLoss(include_background=background(task, params), gamma=params.gamma, **activation(task))
        )

    return class_by_class(task, build)


def generalized_dice(task: Task, params: of.LossParams) -> LossFunction:
    """Return GeneralizedDiceLoss, which weighs the classes of a sample by their sizes, overlapping ones too."""
    if not task.overlapping:
        return per_sample(losses.GeneralizedDiceLoss(include_background=background(task, params), **activation(task)))
    loss = losses.GeneralizedDiceLoss(include_background=True, sigmoid=True)

    def function(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        valid = mask != IGNORE
        # A sigmoid of 0 where the mask is 0 adds nothing to any sum: so an ignored pixel of one class is left out.
        known = logits.float().masked_fill(~valid, -torch.inf)
        values = [
            loss(one[None], (drawn == 1)[None].float()) if seen.any() else (given * 0).sum()
            for one, drawn, seen, given in zip(known, mask, valid, logits.float(), strict=True)
        ]
        return torch.stack(values)

    return function


def focal(task: Task, params: of.FocalParams) -> LossFunction:
    """Return FocalLoss, on the softmax where there are several classes."""

    def build(task: Task) -> LossFunction:
        several = task.out_channels > 1
        return per_sample(
            losses.FocalLoss(
                include_background=background(task, params),
                gamma=params.gamma,
                to_onehot_y=several,
                use_softmax=several,
            )
        )

    return class_by_class(task, build)


def tversky(task: Task, params: of.TverskyParams) -> LossFunction:
    """Return TverskyLoss."""

    def build(task: Task) -> LossFunction:
        return per_sample(
            losses.TverskyLoss(
                include_background=background(task, params), alpha=params.alpha, beta=params.beta, **activation(task)
            )
        )

    return class_by_class(task, build)
