"""What a network costs and sees: parameters, floating point operations, receptive field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

SMALLEST_SIDE = 64
LARGEST_SIDE = 1024
"""Sides of the images that receptive fields are measured on."""
LARGEST_COST = 2e11
"""Floating point operations of one forward pass of the measurement, about ten seconds of one core."""
OVER_THE_GRID = (
    nn.GroupNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)
"""Their statistics make every output depend on the whole image; a receptive field is given without them."""


@dataclass(frozen=True)
class Cost:
    """What was counted.

    Attributes:
        parameters: trainable or not; `trainable` of them get gradients.
        flops: of one image's forward pass in eval mode; a multiplication and an addition are two. Convolutions, matrix
            products and attention are counted, as PyTorch's counter does; the rest is small beside them.
        size: of that image.
    """

    parameters: int
    trainable: int
    flops: int
    size: tuple[int, ...]


def count(model: nn.Module, in_channels: int, size: Sequence[int]) -> Cost:
    """Count a network's parameters, and its operations on one image (in_channels, *size)."""
    parameters = list(model.parameters())
    return Cost(
        parameters=sum(parameter.numel() for parameter in parameters),
        trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        flops=count_flops(model, in_channels, size),
        size=tuple(size),
    )


def count_flops(model: nn.Module, in_channels: int, size: Sequence[int]) -> int:
    """Count the floating point operations of a forward pass in eval mode on one image (in_channels, *size)."""
    model.eval()
    state = {name: tensor.detach().to("meta") for name, tensor in named_tensors(model)}
    try:
        # Shapes are all that is needed, and without numbers there is nothing to wait for.
        return counted(lambda: functional_call(model, state, (torch.zeros(1, in_channels, *size, device="meta"),)))
    except Exception:  # a network that looks at numbers, or makes tensors elsewhere, has to be run
        return counted(lambda: model(torch.zeros(1, in_channels, *size)))


def named_tensors(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Return parameters and buffers by name."""
    return [*model.named_parameters(), *model.named_buffers()]


def counted(call: Callable[[], object]) -> int:
    """Count the floating point operations of a call."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        call()
    return int(counter.get_total_flops())


@dataclass(frozen=True)
class ReceptiveField:
    """How many input cells along each axis the logit in the middle of an image depends on.

    Attributes:
        sides: per axis; None where the end was not found.
        at_least: where it was not: the side of the largest image that was tried and that is seen from end to end.
    """

    sides: tuple[int, ...] | None = None
    at_least: int = 0


def receptive_field(model: nn.Module, in_channels: int, spatial_dims: int) -> ReceptiveField:
    """Measure the receptive field of the logit in the middle, statistics over the grid left aside.

    NaN in part of an image reaches exactly the logits that depend on that part: everything before, or behind, a
    cell is made NaN, and the cell at which the middle logit changes is found by bisection, axis by axis.
    """
    with without_statistics(model.eval()), torch.no_grad():
        sides = []
        for axis in range(spatial_dims):
            side, seen = measure_axis(model, in_channels, spatial_dims, axis)
            if side is None:
                return ReceptiveField(at_least=seen)
            sides.append(side)
    return ReceptiveField(tuple(sides))


def measure_axis(model: nn.Module, in_channels: int, spatial_dims: int, axis: int) -> tuple[int | None, int]:
    """Return the field along one axis, None where its end was not found, and the longest side seen from end to end."""
    multiple = int(getattr(model, "size_multiple", 1))
    narrow = -(-int(getattr(model, "size_minimum", 1)) // multiple) * multiple
    length, seen = -(-max(narrow, SMALLEST_SIDE) // multiple) * multiple, 0
    while length <= LARGEST_SIDE:
        size = [narrow] * spatial_dims
        size[axis] = length
        if count_flops(model, in_channels, size) > LARGEST_COST:
            break
        reach = Reach(model, in_channels, size, axis)
        ends = [reach.touches(slice(0, 1)), reach.touches(slice(length - 1, length))]
        if not any(ends):
            return reach.last() - reach.first() + 1, seen
        seen = length if all(ends) else seen
        length *= 2
    return None, seen


class Reach:
    """Whether the middle logit of an image of one size depends on parts of it along one axis."""

    def __init__(self, model: nn.Module, in_channels: int, size: Sequence[int], axis: int) -> None:
        self.model, self.in_channels, self.size, self.axis = model, in_channels, list(size), axis
        self.length = self.size[axis]

    def touches(self, part: slice) -> bool:
        """Whether a logit at the middle of the axis depends on cells `part` of it."""
        image = torch.zeros(1, self.in_channels, *self.size)
        image.movedim(2 + self.axis, 0)[part] = torch.nan
        logits: torch.Tensor = self.model(image)
        return bool(torch.isnan(logits).movedim(2 + self.axis, 0)[self.length // 2].any())

    def first(self) -> int:
        """The first cell that the middle logit depends on."""
        low, high = 0, self.length // 2
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.touches(slice(0, middle + 1)) else (middle + 1, high)
        return low

    def last(self) -> int:
        """The last cell that the middle logit depends on."""
        low, high = self.length // 2, self.length - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.touches(slice(middle, self.length)) else (low, middle - 1)
        return low


@contextmanager
def without_statistics(model: nn.Module) -> Iterator[None]:
    """Let layers whose statistics are taken over the grid pass their input on."""

    def passed(_module: nn.Module, inputs: tuple[Any, ...], _output: Any) -> Any:
        return inputs[0]

    layers = [module for module in model.modules() if isinstance(module, OVER_THE_GRID)]
    handles = [module.register_forward_hook(passed) for module in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
