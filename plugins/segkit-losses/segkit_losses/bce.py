"""Binary cross entropy."""

from __future__ import annotations

import torch
from torch.nn import functional

from segkit import Task
from segkit.params import NoParams
from segkit_losses.common import LossFunction, at_least_float32, mean_over_pixels, one_hot, valid_pixels


def build(task: Task, params: NoParams) -> LossFunction:
    """Return -t log s(x) - (1 - t) log(1 - s(x)), s the sigmoid, averaged over logits and valid pixels.

    With K = 1 the target t is label 1. With several logits each of the K, background included, is one against the rest.
    """
    return binary_cross_entropy


@at_least_float32
def binary_cross_entropy(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the loss per sample (N,) of logits (N, K, *S) against a mask (N, *S)."""
    several = logits.shape[1] > 1
    target = one_hot(mask, logits.shape[1]) if several else (mask == 1).unsqueeze(1)
    values = functional.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    return mean_over_pixels(values.mean(dim=1), valid_pixels(mask))
