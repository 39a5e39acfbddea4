"""Scores from the working grid back to a volume's own grid, a few planes at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch.nn import functional

from segkit.data.grid import nearest_indices

Slab = tuple[int, torch.Tensor]
"""First plane and scores (K, n, H, W)."""

AT_ONCE = 2**21
"""Scores that are made at a time, planes of the own grid, unless one plane has more."""


def linear_sources(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two of `length` source planes between whose centres each of `size` planes lies, and how far.

    Both grids span the same extent, as in torch's `interpolate` with `align_corners=False`.

    Returns:
        lower and upper (size,) int64 and fraction (size,) float32: the value is lower + fraction * (upper - lower).
    """
    centres = np.clip((np.arange(size) + 0.5) * (length / size) - 0.5, 0, length - 1)
    lower = np.floor(centres).astype(np.int64)
    return lower, np.minimum(lower + 1, length - 1), (centres - lower).astype(np.float32)


def restore(
    slabs: Iterable[Slab], size: Sequence[int], own: Sequence[int], coarse: int | None = None
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Interpolate scores linearly from the working grid to the own one, slab after slab of the first axis.

    Only the plane that the next slab's first planes lie behind is kept, so memory is that of one slab.

    Args:
        slabs: in order, without gaps.
        size: the working grid (D, H, W).
        own: the own grid.
        coarse: the axis that is not interpolated: its nearest plane is taken, as it was on the way here.

    Yields:
        Which planes of the own grid, and their scores (K, n, *own[1:]) float32; they last until the next are asked for.
    """
    if size[0] == own[0]:
        yield from _restore_in_plane(slabs, own, coarse)
        return
    if coarse == 0:
        lower = nearest_indices(size[0], own[0])
        upper, fraction = lower, np.zeros(own[0], np.float32)
    else:
        lower, upper, fraction = linear_sources(size[0], own[0])
    # Never all of the own grid: nnU-Net's restoring of 26 classes to 204 x 512 x 512 asks for one float array of that
    # size (nnU-Net #793).
    kept: dict[int, torch.Tensor] = {}
    done = 0
    for start, scores in slabs:
        present = {**kept, **{start + index: scores[:, index] for index in range(scores.shape[1])}}
        ready = int(np.searchsorted(upper, start + scores.shape[1]))
        chunk = planes_at_once(len(scores), own)
        for first in range(done, ready, chunk):
            planes = range(first, min(first + chunk, ready))
            mixed = [_between(present[lower[i]], present[upper[i]], float(fraction[i])) for i in planes]
            yield slice(first, planes.stop), resize_planes(torch.stack(mixed), own[1:], coarse).transpose(0, 1)
        done = max(done, ready)
        needed = int(lower[done]) if done < own[0] else size[0]
        # What is kept is copied: slabs are written over.
        kept = {index: plane.clone() for index, plane in present.items() if index >= needed}


def _restore_in_plane(
    slabs: Iterable[Slab], own: Sequence[int], coarse: int | None
) -> Iterator[tuple[slice, torch.Tensor]]:
    """As `restore`, where the planes themselves are those of the own grid: none is copied."""
    for start, scores in slabs:
        chunk = planes_at_once(len(scores), own)
        for first in range(0, scores.shape[1], chunk):
            planes = scores[:, first : first + chunk]
            restored = resize_planes(planes.transpose(0, 1), own[1:], coarse).transpose(0, 1)
            yield slice(start + first, start + first + planes.shape[1]), restored


def planes_at_once(channels: int, own: Sequence[int]) -> int:
    """Return how many planes of the own grid are made at a time."""
    return max(1, AT_ONCE // (channels * own[1] * own[2]))


def _between(lower: torch.Tensor, upper: torch.Tensor, fraction: float) -> torch.Tensor:
    return lower if fraction == 0 else torch.lerp(lower, upper, fraction)


def resize_planes(planes: torch.Tensor, size: Sequence[int], coarse: int | None = None) -> torch.Tensor:
    """Interpolate planes of scores (n, K, H, W) bilinearly to `size`; nearest along the volume's axis `coarse`."""
    if tuple(planes.shape[2:]) == tuple(size):
        return planes
    if coarse in (1, 2):
        axis = coarse + 1
        picked = torch.from_numpy(nearest_indices(planes.shape[axis], size[coarse - 1])).to(planes.device)
        planes = planes.index_select(axis, picked)
    if tuple(planes.shape[2:]) == tuple(size):
        return planes
    return functional.interpolate(planes, size=tuple(size), mode="bilinear", align_corners=False)
