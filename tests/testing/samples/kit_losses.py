"""Right losses per sample and over the batch and, by the param `fault`, ones that are wrong in a single way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import segkit


@dataclass(frozen=True)
class Params:
    fault: str = segkit.param("none", "What is wrong with it.")


def build(task: segkit.Task, params: Any) -> Any:
    """Build a cross entropy."""
    import torch
    from torch.nn import functional

    fault = params.fault

    def pixels(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        full = logits if task.out_channels > 1 else torch.cat([torch.zeros_like(logits), logits], dim=1)
        labels = mask.where(mask != segkit.IGNORE, 0)
        if fault == "finite":
            return -full.softmax(dim=1).gather(1, labels[:, None])[:, 0].log()
        return functional.cross_entropy(full, labels, reduction="none")

    def loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if fault != "half-precision":
            logits = logits.float()
        values = pixels(logits, mask)
        valid = mask != segkit.IGNORE if fault != "ignore" else torch.ones_like(mask, dtype=torch.bool)
        if fault == "half-precision":
            value = (values * valid).flatten(1).cumsum(1)[:, -1] / valid.flatten(1).sum(1).clamp_min(1)
        else:
            value = (values * valid).flatten(1).sum(1) / valid.flatten(1).sum(1).clamp_min(1)
        if fault == "inputs-kept":
            mask.fill_(0)
        if fault == "shape":
            return value[:, None]
        if fault == "permutation":
            return value + 0.1 * value.mean()
        if fault == "ordering":
            return -value
        return value

    return loss


def build_batch(task: segkit.Task, params: Any) -> Any:
    """Build the mean over the batch."""
    each = build(task, params)
    return lambda logits, mask: each(logits, mask).mean()
