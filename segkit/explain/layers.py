"""Layers by name: dotted, as the architecture declares them, or found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from segkit.errors import SegkitError, UsageError, did_you_mean

AUTO = "auto"
ROLES = ("last", "middle")
SHOWN = 14
PATH = re.compile(r"(?P<module>[^\[\]#]+)(#(?P<call>\d+))?(\[(?P<key>[^\[\]]+)\])?\Z")


@dataclass(frozen=True)
class LayerPath:
    """A layer as people write it.

    Attributes:
        text: all of it.
        module: dotted module name.
        call: which of several calls, 1 the first; None for the last.
        key: which of several outputs; None for the first that is a map.
    """

    text: str
    module: str
    call: int | None = None
    key: str | None = None

    @classmethod
    def parse(cls, text: str) -> LayerPath:
        """Read "name", "name#CALL", "name[OUTPUT]" or both; raises UsageError where it is none of them."""
        found = PATH.match(text)
        if found is None or found["call"] == "0":
            raise UsageError(f"layer {text!r} is no layer's name", "as in decoder.0, decoder.0#1 or backbone[2]")
        return cls(text, found["module"], int(found["call"]) if found["call"] else None, found["key"])


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


def check_module(model: nn.Module, path: LayerPath, declared: Mapping[str, str] | None = None) -> nn.Module:
    """Return the module of a path; raises UsageError with the nearest name and a list where there is none."""
    if path.module and has_module(model, path.module):
        return model.get_submodule(path.module)
    raise unknown_layer(path.text, [*(declared or ()), AUTO, *names_of(model)], "is not in this model")


def has_module(model: nn.Module, name: str) -> bool:
    """Whether there is a module of this dotted name."""
    return any(name == known for known, _ in model.named_modules())


def unknown_layer(name: str, candidates: Sequence[str], what: str) -> UsageError:
    """Say that there is no such layer, what it may have meant, and what there is."""
    return UsageError(f"layer {name!r} {what}{did_you_mean(name, candidates)}", f"layers: {shown(candidates)}")


def not_spatial(path: LayerPath, what: str, candidates: Sequence[str]) -> UsageError:
    """Say that a layer gives no map."""
    return UsageError(
        f"layer {path.text!r} gives {what}, no map of an image",
        f"choose a layer with channels and a grid: {shown(candidates)}",
    )


def names_of(model: nn.Module) -> list[str]:
    """Dotted names of all modules but the model itself and lists, which are never called."""
    lists = (nn.ModuleList, nn.ModuleDict)
    return [name for name, module in model.named_modules() if name and not isinstance(module, lists)]


def shown(names: Sequence[str]) -> str:
    """Write the first names, those nearest to the model's own level before others."""
    ordered = sorted(dict.fromkeys(names), key=lambda name: name.count("."))
    more = f", ... ({len(ordered)} in all)" if len(ordered) > SHOWN else ""
    return ", ".join(ordered[:SHOWN]) + more


def called_layers(model: nn.Module, x: torch.Tensor) -> list[Called]:
    """Return the modules that gave a map for x (N, C, *S), in the order of their last call."""
    from segkit.explain.gradient_tap import forward, keys_of

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
