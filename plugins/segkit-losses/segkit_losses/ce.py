"""Cross entropy."""

from __future__ import annotations

import torch
from torch.nn import functional

from segkit import IGNORE, Task
from segkit.params import NoParams
from segkit_losses.common import LossFunction, at_least_float32, mean_over_pixels, valid_pixels, with_background


def build(task: Task, params: NoParams) -> LossFunction:
    """Return -log p of the mask's label, p the softmax over background and classes, averaged over valid pixels.

    With K = 1 the softmax is that of [0, logit], and the loss equals binary cross entropy.
    """
    return cross_entropy


@at_least_float32
def cross_entropy(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the loss per sample (N,) of logits (N, K, *S) against a mask (N, *S)."""
    values = functional.cross_entropy(with_background(logits), mask, ignore_index=IGNORE, reduction="none")
    return mean_over_pixels(values, valid_pixels(mask))
