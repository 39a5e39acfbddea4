"""The band around the foreground, found some planes ahead of where it is asked for."""

from __future__ import annotations

import numpy as np

from segkit import IGNORE
from segkit_metrics.boxes import occupied_box

Block = tuple[slice, ...]

AHEAD = 1 << 22
"""Pixels that are looked at together: volumes come plane by plane, and each would look at its neighbours anew."""


class Band:
    """What lies within a distance of the foreground, the foreground itself too.

    Args:
        mask: (*S) labels; what is 255 is no foreground.
        width: mm.
        spacing: mm per pixel and axis.
    """

    def __init__(self, mask: np.ndarray, width: float, spacing: tuple[float, ...]) -> None:
        self.mask, self.width, self.spacing = mask, width, spacing
        self._known: tuple[Block, np.ndarray] | None = None

    def near(self, block: Block) -> np.ndarray:
        """Return which pixels of a block are in the band, bool (*block)."""
        if self._known is None or not holds(self._known[0], block):
            ahead = self._ahead(block)
            self._known = ahead, self._look(ahead)
        whole, found = self._known
        inside: np.ndarray = found[within(block, whole)]
        return inside

    def _ahead(self, block: Block) -> Block:
        """Return a block with those that follow along the axis of which it holds the least."""
        shares = [(part.stop - part.start) / side for part, side in zip(block, self.mask.shape, strict=True)]
        axis = int(np.argmin(shares))
        sides = [part.stop - part.start for part in block]
        planes = max(AHEAD * sides[axis] // max(int(np.prod(sides)), 1), sides[axis])
        stop = min(block[axis].start + planes, self.mask.shape[axis])
        return tuple(slice(part.start, stop) if other == axis else part for other, part in enumerate(block))

    def _look(self, block: Block) -> np.ndarray:
        """Look at a block, and beyond its rim as far as the width reaches."""
        from scipy import ndimage

        found = np.zeros([part.stop - part.start for part in block], dtype=bool)
        reach = [int(self.width / step) + 1 for step in self.spacing]
        wide = widened(block, reach, self.mask.shape)
        foreground = (self.mask[wide] != 0) & (self.mask[wide] != IGNORE)
        around = occupied_box(foreground)
        if around is None:
            return found
        # Nothing is near where there is nothing: a transform takes its time for every pixel.
        close = widened(around, reach, foreground.shape)
        distances = ndimage.distance_transform_edt(~foreground[close], sampling=self.spacing)
        whole = np.zeros(foreground.shape, dtype=bool)
        whole[close] = distances <= self.width
        found[...] = whole[within(block, wide)]
        return found


def widened(block: Block, reach: list[int], shape: tuple[int, ...]) -> Block:
    """Return a block with a rim, as far as there is one."""
    return tuple(
        slice(max(part.start - far, 0), min(part.stop + far, side))
        for part, far, side in zip(block, reach, shape, strict=True)
    )


def holds(whole: Block, part: Block) -> bool:
    """Return whether a block lies within another one."""
    return all(a.start <= b.start and b.stop <= a.stop for a, b in zip(whole, part, strict=True))


def within(part: Block, whole: Block) -> Block:
    """Return a block as one of the block that holds it."""
    return tuple(slice(b.start - a.start, b.stop - a.start) for a, b in zip(whole, part, strict=True))
