"""A pass of any model, without a graph or a trace left in it, and the maps inside what its layers give."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from segkit.contracts import Outputs
from segkit.errors import SegkitError


def forward(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return the logits (N, K, *S) of one pass in eval mode and float32, without a graph and without a trace."""
    with recording(), torch.no_grad(), evaluating(model):
        return first_logits(run_plain(model, x))


def keys_of(output: Any, wanted: str | None, ndim: int) -> tuple[Any, ...] | None:
    """Return the way to the tensor inside a layer's output: () for the output itself; None where there is none."""
    if wanted is not None:
        for key, value in entries(output):
            if str(key) == wanted and is_map(value, ndim):
                return (key,)
        return None
    if is_map(output, ndim):
        return ()
    for key, value in entries(output):
        found = keys_of(value, None, ndim)
        if found is not None:
            return (key, *found)
    return None


def entries(output: Any) -> list[tuple[Any, Any]]:
    """What a container holds, by index, key or field; nothing for anything else."""
    if isinstance(output, Mapping):
        return list(output.items())
    if isinstance(output, (tuple, list)):
        return list(enumerate(output))
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return [(field.name, getattr(output, field.name)) for field in dataclasses.fields(output)]
    return []


def is_map(value: Any, ndim: int) -> bool:
    """Whether a value is a tensor (N, C, *grid) of numbers with a gradient."""
    return isinstance(value, torch.Tensor) and value.ndim == ndim and value.is_floating_point()


def run_plain(model: nn.Module, x: torch.Tensor) -> Any:
    """Call a model with its parameters and buffers as constants, in float32 where they are of half precision."""
    layout = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
    with torch.autocast(x.device.type, enabled=False), constants(model):
        return model(as_constant(x).contiguous(memory_format=layout))


@contextmanager
def constants(model: nn.Module) -> Iterator[None]:
    """Put constants in the places of a model's parameters and buffers, and its own back.

    Not torch.func.functional_call: where a module is reachable by two names that leaves its constants behind.
    """
    replaced: list[tuple[dict[str, Any], str, torch.Tensor]] = []
    made: dict[int, torch.Tensor] = {}
    try:
        for module in model.modules():
            # A model may count in its buffers, in place: it gets copies of them.
            places: tuple[tuple[dict[str, Any], bool], ...] = ((module._parameters, False), (module._buffers, True))
            for place, copied in places:
                for name, value in list(place.items()):
                    if value is None:
                        continue
                    constant = made.setdefault(id(value), as_constant(value).clone() if copied else as_constant(value))
                    replaced.append((place, name, value))
                    place[name] = constant
        yield
    finally:
        for place, name, value in replaced:
            place[name] = value


def as_constant(value: torch.Tensor) -> torch.Tensor:
    """Return a tensor without gradient, of at least single precision, that autograd can keep."""
    value = value.detach()
    if value.is_floating_point() and value.dtype not in (torch.float32, torch.float64):
        return value.float()
    return value.clone() if value.is_inference() else value


def first_logits(output: Any) -> torch.Tensor:
    """Return the logits of what a model gave; raises SegkitError where there are none."""
    if isinstance(output, Outputs):
        output = output.logits[0]
    if not isinstance(output, torch.Tensor):
        raise SegkitError(
            f"the model returned {type(output).__name__} in eval mode, not a tensor of logits",
            "report it to the architecture's author",
        )
    return output


@contextmanager
def recording() -> Iterator[None]:
    """Record a graph here, also inside of no_grad and inference_mode."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every module into eval mode, and back into the mode it was in."""
    trained = [module for module in model.modules() if module.training]
    for module in trained:
        module.training = False
    try:
        yield
    finally:
        for module in trained:
            module.training = True
