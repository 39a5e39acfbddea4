"""Layers as a pass calls them: which gave maps, and the deepest of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from segkit.errors import SegkitError, UsageError
from segkit.explain.layers import AUTO, ROLES, LayerPath, check_module, has_module, names_of, shown
from segkit.explain.one_pass import forward, keys_of


@dataclass(frozen=True)
class Called:
    """A module that was called and gave a map.

    Attributes:
        channels, grid: of its last map.
        weighted: whether it has parameters.
    """

    name: str
    channels: int
    grid: tuple[int, ...]
    weighted: bool


def resolve_layer(model: nn.Module, name: str, declared: Mapping[str, str], x: torch.Tensor) -> str:
    """Return the dotted name of a layer.

    Args:
        name: dotted; or "last" or "middle" as the architecture declares them; or "auto".
        declared: the architecture's `layers`.
        x: an image (1, C, *S) to look where the model calls what, used for "auto" alone.

    Raises:
        UsageError: there is no such module, or none is declared for the word.
    """
    if name == AUTO:
        return deepest_layer(model, x)
    if name in declared:
        check_module(model, LayerPath.parse(declared[name]))
        return declared[name]
    path = LayerPath.parse(name)
    if name in ROLES and not has_module(model, name):
        raise UsageError(
            f"the architecture declares no layer {name!r}", f"say {AUTO}, or a module: {shown(names_of(model))}"
        )
    check_module(model, path, declared)
    return name


def called_layers(model: nn.Module, x: torch.Tensor) -> list[Called]:
    """Return the modules that gave a map for x (N, C, *S), in the order of their last call."""
    calls: dict[str, Called] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            keys = keys_of(output, None, x.ndim)
            if keys is None:
                return
            for key in keys:
                output = getattr(output, key) if hasattr(output, str(key)) else output[key]
            weighted = next(module.parameters(), None) is not None
            calls.pop(name, None)
            calls[name] = Called(name, output.shape[1], tuple(output.shape[2:]), weighted)

        return hook

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if name:
                stack.callback(module.register_forward_hook(note(name)).remove)
        forward(model, x)
    return list(calls.values())


def deepest_layer(model: nn.Module, x: torch.Tensor) -> str:
    """Return the deepest spatial layer: the end of a network's coarsest part.

    Of the modules with parameters whose grid grows with the image (pooling to a fixed number of cells does not count)
    those with the fewest cells, of these those with the most channels, of these the one called last.

    Raises:
        UsageError: no module gives a map.
    """
    layers = [layer for layer in called_layers(model, x[:1]) if layer.weighted]
    growing = {layer.name for layer in growing_layers(model, x[:1], layers)}
    spatial = [layer for layer in layers if layer.name in growing]
    if not spatial:
        raise UsageError("layer auto: no module of this model gives a map", "name a layer")
    cells = {layer.name: torch.Size(layer.grid).numel() for layer in spatial}
    fewest = min(cells.values())
    coarsest = [layer for layer in spatial if cells[layer.name] == fewest]
    widest = max(layer.channels for layer in coarsest)
    return [layer for layer in coarsest if layer.channels == widest][-1].name


def growing_layers(model: nn.Module, x: torch.Tensor, layers: Sequence[Called]) -> Iterator[Called]:
    """Yield the layers whose grid grows when the image does; all where the model takes no larger image."""
    larger = nn.functional.interpolate(x.detach().float(), scale_factor=2.0, mode="nearest")
    try:
        after = {layer.name: layer.grid for layer in called_layers(model, larger)}
    except (RuntimeError, ValueError, AssertionError, SegkitError):
        # A network that takes one size only, in whatever words: then nothing can be told apart this way.
        yield from layers
        return
    for layer in layers:
        if all(new > old for new, old in zip(after[layer.name], layer.grid, strict=True)):
            yield layer
