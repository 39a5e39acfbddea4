"""The sanity check: does a map change when what the model has learnt is taken away, from the head downwards?"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from segkit.explain.agreement import spearman
from segkit.explain.one_pass import forward

RawMap = Callable[[nn.Module], Sequence[np.ndarray]]
"""Gives the raw maps of a model, one per target."""


@dataclass(frozen=True)
class Stage:
    """One step of the cascade.

    Attributes:
        name: what is random, in words.
        modules: dotted names of the modules with parameters that are random, those of the steps before included.
    """

    name: str
    modules: tuple[str, ...]


@dataclass(frozen=True)
class Cascade:
    """How alike the raw map of the trained model and those of models made random are.

    Attributes:
        stages: in words, from the head to everything.
        correlations: for each stage Spearman's coefficient by seed; None where a map is the same everywhere.
    """

    stages: tuple[str, ...]
    correlations: tuple[tuple[float | None, ...], ...]

    def mean(self, stage: str) -> float | None:
        """Return the mean over seeds of the coefficients' sizes; None where none is defined or there is no such stage.

        A map that comes out upside down with one seed is as alike as one that comes out the same: 0.87, -0.84 and 0.86
        of a shuffled head are 0.30 in the mean, 0.86 by their sizes (issue 27).
        """
        if stage not in self.stages:
            return None
        values = [abs(value) for value in self.correlations[self.stages.index(stage)] if value is not None]
        return float(np.mean(values)) if values else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "stages": [
                {"random": name, "absolute": self.mean(name), "by_seed": list(values)}
                for name, values in zip(self.stages, self.correlations, strict=True)
            ],
            "decoder": self.mean(DECODER),
            "everything": self.mean(EVERYTHING),
        }


HEAD, DECODER, EVERYTHING = "head", "decoder", "everything"


def cascade(
    model: nn.Module, stages: Sequence[Stage], original: Sequence[np.ndarray], raw_map: RawMap, *, seeds: int = 3
) -> list[Cascade]:
    """Compare raw maps with those of ever more random copies of the model (Adebayo et al. 2018), one result per target.

    Random is made by shuffling the values within each parameter, which keeps their distribution and so the scale of
    the activations. The model itself is left alone.

    Args:
        original: the model's own raw maps.
    """
    found: list[list[list[float | None]]] = [[[] for _ in stages] for _ in original]
    for seed in range(seeds):
        random = copy.deepcopy(model)
        generator = torch.Generator().manual_seed(seed)
        done: set[str] = set()
        for position, stage in enumerate(stages):
            for name in stage.modules:
                if name not in done:
                    shuffle(random.get_submodule(name), generator)
                    done.add(name)
            for target, (own, other) in enumerate(zip(original, raw_map(random), strict=True)):
                found[target][position].append(spearman(own, other))
    names = tuple(stage.name for stage in stages)
    return [Cascade(names, tuple(tuple(values) for values in by_stage)) for by_stage in found]


def shuffle(module: nn.Module, generator: torch.Generator) -> None:
    """Shuffle the values within each of a module's own parameters."""
    for parameter in module.parameters(recurse=False):
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        with torch.no_grad():
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))


def make_stages(model: nn.Module, x: torch.Tensor, middle: str) -> list[Stage]:
    """Return the steps of the cascade: the head, half the decoder, the decoder, half of the rest, everything.

    Args:
        x: an image (1, C, *S).
        middle: the layer where the encoder ends; what is called after it is the decoder.
    """
    order, before = called_order(model, x, middle)
    decoder, encoder = order[before:][::-1], order[:before][::-1]
    plan = [
        ("half the decoder", decoder[: (len(decoder) + 1) // 2]),
        ("decoder and half the encoder", [*decoder, *encoder[: (len(encoder) + 1) // 2]]),
        (HEAD, order[-1:]),
        (DECODER, decoder),
        (EVERYTHING, [*decoder, *encoder]),
    ]
    # Where two steps are the same the later name is the one that is asked for.
    by_length = {len(modules): Stage(name, tuple(modules)) for name, modules in plan if modules}
    return [by_length[length] for length in sorted(by_length)]


def called_order(model: nn.Module, x: torch.Tensor, middle: str) -> tuple[list[str], int]:
    """Return the modules with parameters of their own by their last call, and how many are called up to `middle`."""
    order: dict[str, None] = {}
    before = 0

    def note(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            nonlocal before
            if any(True for _ in model.get_submodule(name).parameters(recurse=False)):
                order.pop(name, None)
                order[name] = None
            if name == middle:
                before = len(order)

        return hook

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if name:
                stack.callback(module.register_forward_hook(note(name)).remove)
        forward(model, x[:1])
    return list(order), before
