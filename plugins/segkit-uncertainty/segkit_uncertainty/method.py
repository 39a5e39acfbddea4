"""Entropy of probabilities, of one pass or of many that drop values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from segkit import SegkitError, Task
from segkit.explain import BoundTarget, forward
from segkit_uncertainty.params import McDropoutParams

Result = tuple[torch.Tensor, tuple[str, ...]]


def build_entropy(params: Any) -> Callable[..., Result]:
    """Return the entropy of one pass."""
    return entropy_of_one


def build_mc_dropout(params: McDropoutParams) -> Callable[..., Result]:
    """Return Monte Carlo dropout."""
    return partial(entropy_of_many, params=params)


def entropy_of_one(model: nn.Module, x: torch.Tensor, layer: None, target: BoundTarget) -> Result:
    """Return the entropy (N, *S) of one pass."""
    return entropy(probabilities(forward(model, x), target.task)), ("ok",) * len(x)


def entropy_of_many(
    model: nn.Module, x: torch.Tensor, layer: None, target: BoundTarget, *, params: McDropoutParams
) -> Result:
    """Return what many passes are unsure of, (N, *S), image by image: no image's map depends on its neighbours."""
    maps = torch.stack([one_image(model, x[place : place + 1], target.task, params) for place in range(len(x))])
    return maps, ("ok",) * len(x)


def one_image(model: nn.Module, x: torch.Tensor, task: Task, params: McDropoutParams) -> torch.Tensor:
    """Return the map (*S) of one image; memory does not grow with the number of passes."""
    mean: torch.Tensor | float = 0.0
    each: torch.Tensor | float = 0.0
    with dropping(model), drawn_with(params.seed, x.device):
        for _ in range(params.passes):
            # Not segkit's forward: it would put the dropout back into eval mode.
            with torch.no_grad():
                found = probabilities(model(x), task)
            mean = mean + found / params.passes
            each = each + entropy(found) / params.passes
    assert isinstance(mean, torch.Tensor)
    whole = entropy(mean)
    return (whole if params.measure == "entropy" else (whole - each).clamp_min(0))[0]


def probabilities(logits: torch.Tensor, task: Task) -> torch.Tensor:
    """Return probabilities (N, answers, alternatives, *S): one answer a class where these overlap, else one in all."""
    logits = logits.double()
    if task.overlapping or logits.shape[1] == 1:
        inside = logits.sigmoid()
        return torch.stack([1 - inside, inside], dim=2)
    return logits.softmax(dim=1)[:, None]


def entropy(found: torch.Tensor) -> torch.Tensor:
    """Return the entropy (N, *S) of `probabilities` as a share of the largest there is; of several answers the largest.

    A pixel is wrong where any class is, so the class that is least sure decides.
    """
    shares: torch.Tensor = torch.special.entr(found).sum(dim=2) / math.log(found.shape[2])
    return shares.amax(dim=1).float()


@contextmanager
def dropping(model: nn.Module) -> Iterator[None]:
    """Have a model's dropout drop values, and everything else as in eval mode; afterwards all is as it was.

    Raises:
        SegkitError: there is none that drops anything.
    """
    dropout = [module for module in model.modules() if isinstance(module, _DropoutNd) and module.p > 0]
    if not dropout:
        raise SegkitError(
            f"mc-dropout: {type(model).__name__} has no dropout that drops anything, though its architecture offers it",
            "take another explainer, and tell the architecture's author",
        )
    before = {module: module.training for module in model.modules()}
    for module in before:
        module.training = module in dropout
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


@contextmanager
def drawn_with(seed: int, device: torch.device) -> Iterator[None]:
    """Draw with a seed, and leave the generators that everybody shares as they were."""
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if cuda else []):
        # Not torch.manual_seed, which would seed the devices that are not put back too.
        generator = torch.cuda.default_generators[device.index or 0] if cuda else torch.default_generator
        generator.manual_seed(seed)
        yield
