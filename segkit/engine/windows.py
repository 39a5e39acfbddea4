"""Overlapping windows over a volume, walked so that no more than one window's depth of logits is ever held."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

Planes = Callable[[int, int], torch.Tensor]
"""(start, stop) to the planes of a volume between them, (C, stop - start, H, W)."""

Place = tuple[slice, ...]
"""Where a window lies on the grid."""

Forward = Callable[[torch.Tensor, Sequence[Place]], torch.Tensor]
"""Windows (N, C, *window) and their places, to values (N, K, *window)."""

AT_ONCE = 8
"""Planes of the image that are made at a time, beside those that windows are cut from."""


def window_starts(length: int, size: int, overlap: float) -> list[int]:
    """Return where windows of `size` begin so that they cover `length`, evenly spread.

    Neighbours share at least the part `overlap` (0 to below 1) of their size. Where length <= size there is one, at 0.
    """
    step = max(1, math.floor(size * (1 - overlap)))
    count = 1 + max(0, math.ceil((length - size) / step))
    return [round(index * (length - size) / (count - 1)) for index in range(count)] if count > 1 else [0]


def gaussian(size: int) -> np.ndarray:
    """Return the weight of each of `size` voxels of a window along one axis, float64, largest in the middle.

    Its deviation is an eighth of the size (Isensee et al. 2021, nnU-Net), so that no weight is below exp(-8), about
    0.0003: voxels that a single window covers keep its value.
    """
    offset = np.arange(size) - (size - 1) / 2
    weights: np.ndarray = np.exp(-0.5 * (offset / (size / 8)) ** 2)
    return weights


@dataclass(frozen=True)
class AxisWindows:
    """The windows along one axis.

    Attributes:
        starts: where each begins.
        weights: float32 (windows, size), what each gives to its voxels; at every voxel they sum to 1.
    """

    length: int
    size: int
    starts: tuple[int, ...]
    weights: torch.Tensor

    @classmethod
    def cover(cls, length: int, size: int, overlap: float) -> AxisWindows:
        """Cover `length` voxels; raises ValueError where a window is longer."""
        if length < size:
            raise ValueError(f"{length} voxels are fewer than a window of {size}: pad them first")
        starts = window_starts(length, size, overlap)
        profile = gaussian(size)
        total = np.zeros(length)
        for start in starts:
            total[start : start + size] += profile
        shares = np.stack([profile / total[start : start + size] for start in starts])
        return cls(length, size, tuple(starts), torch.from_numpy(shares.astype(np.float32)))


def blend_windows(
    planes: Planes,
    axes: Sequence[AxisWindows],
    forward: Forward,
    *,
    channels: int,
    device: torch.device,
    at_once: int = 1,
) -> Iterator[tuple[int, torch.Tensor]]:
    """Apply `forward` to every window and yield the weighted mean of its values, slab after slab of the first axis.

    A window's weight is the product of its axes' Gaussians. As these are normalised along each axis, finished planes
    need no division and no second sum is kept: memory is channels x window depth x height x width.

    Args:
        planes: called with rising bounds, each plane once.
        channels: K of what `forward` returns.
        at_once: windows of one call.

    Yields:
        First plane and values (K, n, H, W) float32; they are overwritten when the next slab is asked for.
    """
    first, *rest = axes
    depth, (height, width) = first.size, [axis.length for axis in rest]
    # Channels last: interpolating planes of scores is then twice as fast.
    total = torch.zeros(depth, height, width, channels, device=device).permute(3, 0, 1, 2)
    read = planes(0, min(depth, AT_ONCE))
    read = torch.cat([read, read.new_empty(len(read), depth - read.shape[1], height, width)], dim=1)
    _fill(read, planes, 0, min(depth, AT_ONCE))
    for index, start in enumerate(first.starts):
        if index:
            moved = start - first.starts[index - 1]
            _shift(read, moved)
            _fill(read, planes, start, depth - moved)
        _add_layer(total, read, start, axes, index, forward, at_once)
        last = index + 1 == len(first.starts)
        done = depth if last else first.starts[index + 1] - start
        yield start, total[:, :done]
        if not last:
            _shift(total, done)
            total[:, depth - done :] = 0


def _add_layer(
    total: torch.Tensor,
    read: torch.Tensor,
    start: int,
    axes: Sequence[AxisWindows],
    index: int,
    forward: Forward,
    at_once: int,
) -> None:
    """Add all windows whose first plane is `start`."""
    depth, rows, columns = axes
    along_depth = depth.weights[index].to(total.device).view(-1, 1, 1)
    pairs = list(product(range(len(rows.starts)), range(len(columns.starts))))
    for begin in range(0, len(pairs), at_once):
        part = pairs[begin : begin + at_once]
        places = [
            (
                slice(start, start + depth.size),
                slice(rows.starts[row], rows.starts[row] + rows.size),
                slice(columns.starts[column], columns.starts[column] + columns.size),
            )
            for row, column in part
        ]
        cut = [read[:, :, place[1], place[2]] for place in places]
        windows = cut[0][None] if len(cut) == 1 else torch.stack(cut)
        values = forward(windows, places)
        for (row, column), place, value in zip(part, places, values, strict=True):
            in_plane = torch.outer(rows.weights[row], columns.weights[column]).to(total.device)
            total[:, :, place[1], place[2]].addcmul_(value.to(total.dtype), along_depth * in_plane)


def _fill(read: torch.Tensor, planes: Planes, start: int, known: int) -> None:
    """Read planes into a buffer that begins at plane `start` and whose first `known` are there, a few at a time."""
    for first in range(known, read.shape[1], AT_ONCE):
        last = min(first + AT_ONCE, read.shape[1])
        read[:, first:last] = planes(start + first, start + last)


def _shift(planes: torch.Tensor, count: int) -> None:
    """Move planes (C, n, H, W) to the front by `count`, one by one: no second copy is made."""
    for index in range(planes.shape[1] - count):
        planes[:, index] = planes[:, index + count]


@dataclass(frozen=True)
class PaddedPlanes:
    """Normalised planes of a volume on its working grid, surrounded by zeros up to the window's size.

    Attributes:
        planes: (start, stop) -> planes between them, (C, stop - start, H, W).
        inside: the working grid.
        size: with the zeros.
        before: zeros in front of each axis.
    """

    planes: Callable[[int, int], np.ndarray]
    inside: Sequence[int]
    normalise: Callable[[np.ndarray], torch.Tensor]
    size: Sequence[int]
    before: Sequence[int]

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return planes start to stop, (C, stop - start, *size[1:]) float32."""
        inside = tuple(self.inside)
        low, high = (min(max(bound - self.before[0], 0), inside[0]) for bound in (start, stop))
        values = self.normalise(self.planes(low, high)[None])[0]
        if tuple(self.size) == inside:
            return values
        padded = values.new_zeros(len(values), stop - start, *self.size[1:])
        front = low + self.before[0] - start
        top, left = self.before[1:]
        padded[:, front : front + high - low, top : top + inside[1], left : left + inside[2]] = values
        return padded


def cropped(
    slabs: Iterator[tuple[int, torch.Tensor]], size: Sequence[int], before: Sequence[int]
) -> Iterator[tuple[int, torch.Tensor]]:
    """Cut the padding off slabs of scores (K, n, H, W)."""
    front, top, left = before
    for start, scores in slabs:
        low, high = max(start, front), min(start + scores.shape[1], front + size[0])
        if low < high:
            inside = scores[:, low - start : high - start, top : top + size[1], left : left + size[2]]
            yield low - front, inside
