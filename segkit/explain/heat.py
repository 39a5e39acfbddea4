"""From a raw signed map on a layer's grid to a heat map in [0, 1] on the image's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

ORDER = "raw, relu, upsample to the working grid, crop, resize to the image's grid, divide by the maximum"
"""What is done to a raw map, in this order; recorded with every explanation."""


@dataclass
class Padding:
    """Where an image lies on the grid that a network pads it to inside.

    Attributes:
        size: the padded grid; None where nothing was seen.
        start: first cell of the image along each axis.
    """

    size: tuple[int, ...] | None = None
    start: tuple[int, ...] = field(default=())


@contextmanager
def watch_padding(model: nn.Module, x: torch.Tensor) -> Iterator[Padding]:
    """Note, while the model is run, whether its first module is given the image x (N, C, *S) or a padded one.

    A layer's map then covers the padded image. It is found at its start or in the middle; anything else than x with a
    rim counts as x.
    """
    padding = Padding()

    def note(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        given = next((value for value in arguments if isinstance(value, torch.Tensor)), None)
        if padding.size is None and given is not None and given.ndim == x.ndim:
            padding.size, padding.start = placed(x, given)

    with ExitStack() as stack:
        for module in model.modules():
            if module is not model:
                stack.callback(module.register_forward_pre_hook(note).remove)
        yield padding


def placed(x: torch.Tensor, given: torch.Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return size and start of x within what a module was given."""
    own, size = tuple(x.shape[2:]), tuple(given.shape[2:])
    nowhere = (0,) * len(own)
    if given.shape[1] != x.shape[1] or any(new < old for new, old in zip(size, own, strict=True)):
        return own, nowhere
    middle = tuple((new - old) // 2 for new, old in zip(size, own, strict=True))
    for start in (nowhere, middle):
        if torch.equal(crop(given, start, own).to(x.dtype), x):
            return size, start
    return own, nowhere


def to_working_grid(maps: torch.Tensor, size: Sequence[int], padding: Padding) -> torch.Tensor:
    """Interpolate maps (N, *grid) linearly at cell centres to the grid they cover, and crop to the image's `size`."""
    covered = padding.size or tuple(size)
    return crop(interpolate(maps, covered), padding.start or (0,) * len(covered), size)


def crop(values: torch.Tensor, start: Sequence[int], size: Sequence[int]) -> torch.Tensor:
    """Return a part of the last axes of a tensor."""
    first = values.ndim - len(size)
    for axis, (begin, length) in enumerate(zip(start, size, strict=True), start=first):
        values = values.narrow(axis, begin, length)
    return values


def interpolate(maps: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Interpolate maps (N, *grid) linearly at cell centres to (N, *size)."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    mode = "bilinear" if maps.ndim == 3 else "trilinear"
    return functional.interpolate(maps[:, None].float(), size=tuple(size), mode=mode, align_corners=False)[:, 0]


def heat_maps(raw: torch.Tensor, size: Sequence[int], padding: Padding, shape: Sequence[int]) -> torch.Tensor:
    """Return heat maps (N, *shape) in [0, 1] of raw signed maps (N, *grid), in the order that ORDER says.

    The largest value of each is 1, except where nothing in the raw map is positive: there it is 0 everywhere.

    Args:
        size: the working grid, which the network was given.
        shape: the image's own grid.
    """
    # ReLU before interpolation: after it, negative values beside a peak would eat into it.
    positive = interpolate(to_working_grid(raw.float().relu(), size, padding), shape)
    return divided_by_maximum(positive)


def divided_by_maximum(positive: torch.Tensor) -> torch.Tensor:
    """Divide each map (N, *S) of values from 0 up by its largest value; zeros stay zeros."""
    largest = positive.flatten(1).amax(dim=1).reshape(-1, *(1,) * (positive.ndim - 1))
    # A map without anything positive stays 0. The report that segkit starts from divides by zero there, and MONAI's
    # default normaliser turns maps upside down.
    return torch.where(largest > 0, positive / largest.clamp_min(torch.finfo(positive.dtype).tiny), positive)
