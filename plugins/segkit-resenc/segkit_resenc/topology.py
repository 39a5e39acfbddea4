"""How often a network halves each axis of its working size, and along which axes it convolves.

nnU-Net's rule (Isensee et al. 2021, supplementary note 2), kept to the letter, for its weights fit no other network: an
axis is halved as long as 4 cells are left along it, and only once the finer axes have become as coarse as it is; the
last axis that can be halved is not left with fewer than 6. A kernel is 1 along an axis that is still coarser than the
others, but for the coarsest map, whose kernels are 3 along all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SMALLEST = 4
"""Cells that an axis is left with."""
LONE = 3
"""How many times as many an axis needs to be halved alone: all others at their end, or too coarse yet."""
APART = 2.0
"""An axis is coarser than the finest from this ratio on."""

Sides = tuple[int, ...]


@dataclass(frozen=True)
class Topology:
    """Strides and kernels of every stage, the finest first; its own stride is 1."""

    strides: tuple[Sides, ...]
    kernels: tuple[Sides, ...]

    @property
    def multiples(self) -> Sides:
        """By how much each axis is divided in all."""
        total = [1] * len(self.strides[0])
        for stride in self.strides:
            total = [one * by for one, by in zip(total, stride, strict=True)]
        return tuple(total)


def topology(size: Sequence[int], spacing: Sequence[float] | None, stages: int | None) -> Topology:
    """Lay a network out for a working size.

    Args:
        spacing: mm per voxel; None: all axes alike.
        stages: how many; None: as the size allows, at least two.
    """
    left = list(size)
    lengths = [1.0] * len(left) if spacing is None else [float(length) for length in spacing]
    strides, kernels = [(1,) * len(left)], [kernel_at(lengths)]
    while stages is None or len(strides) < stages:
        halved = axes_to_halve(left, lengths)
        if not halved and stages is None and len(strides) > 1:
            break
        halved = halved or list(range(len(left)))  # a number of stages that was asked for is kept to
        strides.append(tuple(2 if axis in halved else 1 for axis in range(len(left))))
        for axis in halved:
            left[axis], lengths[axis] = -(-left[axis] // 2), 2 * lengths[axis]
        now = kernel_at(lengths)
        kernels.append(tuple(max(one, before) for one, before in zip(now, kernels[-1], strict=True)))
    kernels[-1] = (3,) * len(left)
    return Topology(tuple(strides), tuple(kernels))


def axes_to_halve(left: Sequence[int], lengths: Sequence[float]) -> list[int]:
    """Return the axes that are long enough to be halved, without those that are coarser than the finest of them."""
    able = [axis for axis, side in enumerate(left) if side >= 2 * SMALLEST]
    finest = min((lengths[axis] for axis in able), default=1.0)
    chosen = [axis for axis in able if lengths[axis] < APART * finest]
    alone = len(chosen) == 1 and left[chosen[0]] < LONE * SMALLEST
    return [] if alone else chosen


def kernel_at(lengths: Sequence[float]) -> Sides:
    """Return the kernel of a stage."""
    return tuple(3 if length < APART * min(lengths) else 1 for length in lengths)
