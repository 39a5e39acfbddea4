"""Optimizers of torch, told by params."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from segkit import UsageError
from segkit.errors import did_you_mean
from segkit_training.params import FromTorch, Sgd

Groups = list[dict[str, Any]]
GIVEN = ("params", "lr", "weight_decay")
"""What the groups say already."""


def sgd(groups: Groups, params: Sgd) -> torch.optim.Optimizer:
    """Build SGD."""
    return torch.optim.SGD(groups, momentum=params.momentum, nesterov=params.nesterov)


def from_torch(groups: Groups, params: FromTorch) -> torch.optim.Optimizer:
    """Build the named optimizer; raises UsageError where torch has none of that name or it takes no such option."""
    known = {
        name: kind
        for name, kind in vars(torch.optim).items()
        if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
    }
    kind = known.get(params.name)
    if kind is None:
        raise UsageError(
            f"optimizer.from-torch.name: torch.optim has no {params.name!r}{did_you_mean(params.name, known)}",
            f"it has {', '.join(sorted(known))}",
        )
    takes = [name for name in inspect.signature(kind).parameters if name not in GIVEN]
    options = dict(map(option, params.options))
    for name in options:
        if name not in takes:
            raise UsageError(
                f"optimizer.from-torch.options: {params.name} takes no {name!r}{did_you_mean(name, takes)}",
                f"it takes {', '.join(takes)}",
            )
    if "weight_decay" not in inspect.signature(kind).parameters:
        groups = [{name: value for name, value in group.items() if name != "weight_decay"} for group in groups]
    try:
        return kind(groups, **options)
    except (TypeError, ValueError) as error:
        where = f"optimizer.from-torch.options: {params.name}"
        raise UsageError(f"{where}: {error}", "give a value that it takes") from error


def option(text: str) -> tuple[str, Any]:
    """Read "momentum=0.9", "nesterov=true" or "betas=0.9:0.99"."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name or not value:
        raise UsageError(f"optimizer.from-torch.options: {text!r} is not NAME=VALUE", "write for instance momentum=0.9")
    parts = [scalar(part) for part in value.split(":")]
    return name, parts[0] if len(parts) == 1 else tuple(parts)


def scalar(text: str) -> Any:
    """Read one number or truth value; other text stays as it is."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
