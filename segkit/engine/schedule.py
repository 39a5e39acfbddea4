"""The optimizer and its learning rate over the run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from segkit.engine.groups import Learning
from segkit.errors import SegkitError
from segkit.settings import Train

Groups = list[dict[str, Any]]


@dataclass(frozen=True)
class BuiltParts:
    """The parts of training that come from plugins; None: what the settings name is the core's.

    Attributes:
        optimizer: from the groups of parameters to an optimizer.
        schedule: from 0 to 1 after the warm-up to a share of the highest rate.
    """

    optimizer: Callable[[Groups], torch.optim.Optimizer] | None = None
    schedule: Callable[[float], float] | None = None


CORE_PARTS = BuiltParts()
EVERYTHING = Learning()


def make_optimizer(
    model: nn.Module,
    settings: Train,
    device: torch.device,
    parts: BuiltParts = CORE_PARTS,
    learning: Learning = EVERYTHING,
    further: Iterable[nn.Parameter] = (),
) -> torch.optim.Optimizer:
    """Build the optimizer; weight decay acts on weights of two or more dimensions, not on biases and norms.

    Args:
        further: parameters of losses, which learn as fast as the settings say.

    Parameters whose rates differ are in groups of their own; frozen ones too, for they may be released.

    Raises:
        SegkitError: the model has nothing to train, or a plugin's optimizer is none that the engine can step.
    """
    others = [parameter for parameter in further if parameter.requires_grad]
    trainable = [*(parameter for parameter in model.parameters() if parameter.requires_grad), *others]
    by_rate: dict[float, list[nn.Parameter]] = {}
    factors = learning.factors(model)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            by_rate.setdefault(factors[name], []).append(parameter)
    if others and by_rate:
        by_rate.setdefault(1.0, []).extend(others)
    groups: Groups = []
    for factor, found in by_rate.items():
        rate = settings.learning_rate * factor
        matrices, vectors = [p for p in found if p.ndim >= 2], [p for p in found if p.ndim < 2]
        groups.append({"params": matrices, "weight_decay": settings.weight_decay, "lr": rate})
        groups.append({"params": vectors, "weight_decay": 0.0, "lr": rate})
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise SegkitError("the network has no parameter to train", "freeze less, or choose another architecture")
    if parts.optimizer is not None:
        built = parts.optimizer(groups)
        check_optimizer(built, trainable, settings.optimizer)
        return built
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.learning_rate, fused=device.type != "mps")


def check_optimizer(built: Any, trainable: list[nn.Parameter], name: str) -> None:
    """Raise SegkitError where a plugin's optimizer is none, wants a closure, or leaves parameters out."""
    if not isinstance(built, torch.optim.Optimizer):
        raise SegkitError(
            f"optimizer {name} built {type(built).__name__}, not a torch.optim.Optimizer", "report it to its author"
        )
    # torch wraps `step` on the class; LBFGS's own signature is behind that.
    closure = inspect.signature(inspect.unwrap(type(built).step)).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise SegkitError(
            f"optimizer {name} evaluates the loss several times a step (a closure), which segkit does not offer",
            "choose another optimizer",
        )
    held = {id(parameter) for group in built.param_groups for parameter in group["params"]}
    if held != {id(parameter) for parameter in trainable}:
        raise SegkitError(f"optimizer {name} does not hold the parameters it was given", "report it to its author")


def learning_rate(settings: Train, step: float, total: int, parts: BuiltParts = CORE_PARTS) -> float:
    """The learning rate of a step (counted from 0, fractions too) of a run of `total` steps.

    "constant" stays at the highest. Every other one rises along half a cosine from 1/25 of the highest rate over
    `warmup` of the run; then "cosine" falls along half a cosine to zero (Smith 2018, arXiv:1708.07120, without
    momentum), and a plugin's is asked for its share.

    Raises:
        SegkitError: a plugin's schedule gave something else than a number of 0 or more.
    """
    if parts.schedule is None and settings.schedule == "constant":
        return settings.learning_rate
    rise = settings.warmup * total
    if step < rise:
        low = 1 / 25
        return settings.learning_rate * (low + (1 - low) * (1 - math.cos(math.pi * step / rise)) / 2)
    if parts.schedule is None:
        return settings.learning_rate * ((1 + math.cos(math.pi * (step - rise) / max(1.0, total - rise))) / 2)
    done = (step - rise) / max(1.0, total - rise)
    share = float(parts.schedule(min(1.0, done)))
    if not 0 <= share < math.inf:
        raise SegkitError(
            f"schedule {settings.schedule} gave {share} after {done:.0%} of the run, not a share of 0 or more",
            "report it to its author",
        )
    return settings.learning_rate * share
