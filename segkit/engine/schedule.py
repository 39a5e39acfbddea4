"""The optimizer and its learning rate over the run."""

from __future__ import annotations

import math

import torch
from torch import nn

from segkit.settings import Train


def make_optimizer(model: nn.Module, settings: Train, device: torch.device) -> torch.optim.Optimizer:
    """Build Adam or AdamW; weight decay acts on weights of two or more dimensions, not on biases and norms."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind([group for group in groups if group["params"]], lr=settings.learning_rate, fused=device.type != "mps")


def learning_rate(settings: Train, step: float, total: int) -> float:
    """The learning rate of a step (counted from 0, fractions too) of a run of `total` steps.

    "cosine" rises along half a cosine from 1/25 of the highest rate over `warmup` of the run, then falls along half
    a cosine to zero (Smith 2018, arXiv:1708.07120, without momentum); "constant" stays at the highest.
    """
    if settings.schedule == "constant":
        return settings.learning_rate
    rise = settings.warmup * total
    if step < rise:
        low = 1 / 25
        share = low + (1 - low) * (1 - math.cos(math.pi * step / rise)) / 2
    else:
        share = (1 + math.cos(math.pi * (step - rise) / max(1.0, total - rise))) / 2
    return settings.learning_rate * share
