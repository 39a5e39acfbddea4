"""Activation memory traded for time: a block's inner activations are computed again in the backward pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def recomputed(block: nn.Module, *inputs: torch.Tensor) -> torch.Tensor:
    """Call a block so that only its inputs are kept for the backward pass; values and gradients are the same.

    Chen, Xu, Zhang, Guestrin: Training Deep Nets with Sublinear Memory Cost, https://arxiv.org/abs/1604.06174
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return contextlib.nullcontext(), statistics_kept(block)

    result: torch.Tensor = checkpoint(block, *inputs, use_reentrant=False, context_fn=contexts)
    return result


@contextlib.contextmanager
def statistics_kept(block: nn.Module) -> Iterator[None]:
    """Leave running statistics as they are: the second computation of a step must not count as another step."""
    kept = [(buffer, buffer.clone()) for buffer in block.buffers()]
    try:
        yield
    finally:
        for buffer, value in kept:
            buffer.copy_(value)
