"""A running average of the weights, which often validates better than the last step's."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of a model's weights; buffers are copied.

    The decay grows from 0.1 to its final value as (1 + step) / (10 + step), so that the start is forgotten soon.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after a step (counted from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for parameter, current in zip(self.model.parameters(), model.parameters(), strict=True):
            parameter.lerp_(current, 1 - decay)
        for buffer, latest in zip(self.model.buffers(), model.buffers(), strict=True):
            buffer.copy_(latest)
