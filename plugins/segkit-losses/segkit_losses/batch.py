"""Losses over a whole batch as if it were one sample: they return one value, and depend on the batch's split."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from segkit import Task
from segkit_losses import dice, lovasz, tversky
from segkit_losses.common import LossFunction

Factory = Callable[[Task, Any], LossFunction]


def over_batch(factory: Factory) -> Factory:
    """Return a factory of the same loss over all pixels of the batch, which returns a scalar."""

    @functools.wraps(factory)
    def build(task: Task, params: Any) -> LossFunction:
        per_sample = factory(task, params)

        def loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            pixels = joined(mask) if mask.ndim == logits.ndim else mask.reshape(1, -1)
            return per_sample(joined(logits), pixels).squeeze(0)

        return loss

    return build


def joined(values: torch.Tensor) -> torch.Tensor:
    """Lay the samples of (N, K, *S) one after the other, (1, K, pixels)."""
    return values.transpose(0, 1).flatten(1).unsqueeze(0)


build_dice = over_batch(dice.build)
build_tversky = over_batch(tversky.build)
build_focal_tversky = over_batch(tversky.build_focal)
build_lovasz = over_batch(lovasz.build)
