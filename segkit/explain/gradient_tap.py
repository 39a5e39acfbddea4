"""The gradient tap: a layer's activation and the gradient of scores with respect to it, no trace left in the model."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from segkit.errors import SegkitError, UsageError
from segkit.explain.called import called_layers
from segkit.explain.layers import LayerPath, check_module, not_spatial, unknown_layer
from segkit.explain.one_pass import entries, evaluating, first_logits, keys_of, recording, run_plain
from segkit.explain.targets import BoundTarget


@dataclass(frozen=True)
class Tapped:
    """One forward pass, cut at a layer.

    Attributes:
        activation: what the layer gave, (N, C, *grid) float32.
        logits: (N, K, *S) float32; the graph between them is kept until this object is dropped.
        layer: the layer's dotted name.
    """

    activation: torch.Tensor
    logits: torch.Tensor
    layer: str

    def gradient(self, target: BoundTarget) -> torch.Tensor:
        """Return the gradient of each sample's target with respect to its activation, (N, C, *grid).

        One backward pass serves the whole batch. Raises what the target raises, and SegkitError where the logits do
        not depend on the layer.
        """
        return next(self.gradients([target]))

    def gradients(self, targets: Sequence[BoundTarget], *, keep: bool = True) -> Iterator[torch.Tensor]:
        """Yield the gradient for one target after the other, all from the one forward pass.

        Args:
            keep: the graph for later calls; without it what the last target has passed is let go on the way.
        """
        with recording():
            for number, target in enumerate(targets, start=1):
                scores = target(self.logits).sum()
                again = keep or number < len(targets)
                try:
                    # From the cut on only: plain autograd through the whole network takes 1.21 times as long and half
                    # as much memory again (docs/benchmarks/explainers.md).
                    (found,) = torch.autograd.grad(scores, self.activation, retain_graph=again, allow_unused=True)
                except RuntimeError as error:
                    found = None
                    if "inplace operation" in str(error):
                        raise SegkitError(
                            f"no gradient at layer {self.layer!r}: after it an operation in place overwrites what "
                            "another one's gradient needs",
                            "choose a later layer, or build the network without operations in place",
                        ) from None
                    if "does not require grad" not in str(error):
                        raise
                if found is None:
                    raise SegkitError(
                        f"the logits do not depend on layer {self.layer!r} through anything with a gradient",
                        "choose a layer that the output is made of",
                    )
                yield found


def tap(model: nn.Module, x: torch.Tensor, layer: str) -> Tapped:
    """Run a model once and cut its graph at a layer.

    The model is run in eval mode and in float32 (float64 stays), whatever mode, precision or gradient context it is
    found in. Nothing is recorded before the layer, and no gradient of any parameter is taken, so that only what
    follows the layer is paid for. An operation in place that follows the layer works on a copy: activation and
    gradient are those of what the layer itself gave. Afterwards the hook is gone and modes, flags, buffers and `.grad`
    of the model are as they were, also after an exception.

    Args:
        x: images (N, C, *S).
        layer: dotted module name, as `segkit.explain.layers.resolve_layer` gives it. Of a module that is called
            several times the last call counts, "name#1" is the first; of one that returns several tensors the first
            that is spatial, "name[2]" and "name[key]" choose.

    Raises:
        UsageError: there is no such layer, it is not called, or it gives no map (N, C, *grid).
        SegkitError: the model gives no logits.
    """
    path = LayerPath.parse(layer)
    module = check_module(model, path)
    catcher = Catcher(path, x.ndim)
    with recording(), evaluating(model), hooked(module, catcher):
        logits = first_logits(run_plain(model, x))
    if catcher.caught is None:
        raise not_caught(model, x, path, catcher)
    return Tapped(catcher.caught, logits, layer)


class Catcher:
    """A forward hook that puts a leaf in the place of a layer's output.

    Where several calls are replaced, what lies between the last leaf and the logits is whole, and that is all that its
    gradient needs.

    Attributes:
        caught: the leaf.
        seen: what kind of thing the layer gave, where it was no map.
    """

    def __init__(self, path: LayerPath, ndim: int) -> None:
        self.path, self.ndim = path, ndim
        self.calls = 0
        self.caught: torch.Tensor | None = None
        self.seen: Any = None

    def __call__(self, module: nn.Module, arguments: Any, output: Any) -> Any:
        """Replace the chosen tensor of the chosen call; without a choice of every call, so that the last one stays."""
        self.calls += 1
        if self.path.call not in (None, self.calls):
            return None
        keys = keys_of(output, self.path.key, self.ndim)
        if keys is None:
            self.seen = output
            return None
        return replaced(output, keys, self.leaf)

    def leaf(self, found: torch.Tensor) -> torch.Tensor:
        """Keep a leaf, and hand on a copy of it that operations in place may change."""
        self.caught = found.detach().requires_grad_(True)
        return self.caught.clone()


def replaced(output: Any, keys: Sequence[Any], change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Return the output with one tensor changed, in a container of the same kind."""
    if not keys:
        return change(output)
    key, rest = keys[0], keys[1:]
    if isinstance(output, tuple):
        items = [replaced(item, rest, change) if at == key else item for at, item in enumerate(output)]
        return type(output)(*items) if hasattr(output, "_fields") else type(output)(items)
    if dataclasses.is_dataclass(output) and not isinstance(output, (type, Mapping)):
        return dataclasses.replace(output, **{key: replaced(getattr(output, key), rest, change)})
    changed = copy.copy(output)
    changed[key] = replaced(output[key], rest, change)
    return changed


def not_caught(model: nn.Module, x: torch.Tensor, path: LayerPath, catcher: Catcher) -> SegkitError:
    """Say why a layer could not be tapped, and which can."""
    candidates = [called.name for called in called_layers(model, x)]
    if catcher.seen is not None:
        return not_spatial(path, describe(catcher.seen), candidates)
    if catcher.calls:
        return UsageError(
            f"layer {path.text!r}: the module is called {catcher.calls} times only", "give the number of a call"
        )
    return unknown_layer(path.text, candidates, "is not called itself")


def describe(output: Any) -> str:
    """Write the shape of what a layer gave."""
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    parts = [f"{key}: {describe(value)}" for key, value in entries(output)]
    return f"{type(output).__name__} ({', '.join(parts)})" if parts else type(output).__name__


@contextmanager
def hooked(module: nn.Module, hook: Callable[..., Any]) -> Iterator[None]:
    """Have a forward hook on a module for a while."""
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
