"""Images cut into square blocks in one file, so that a crop reads little more than its own pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from segkit.data.large_array import LargeArray

BLOCK = 128
"""Pixels along a block's side: one of three colours is 48 KiB, and a crop of 256 reads 2.3 times its own pixels.

Stored row by row each row of a crop would be another page of 4 KiB, most of it of others' pixels.
"""


class BlockedArray(LargeArray):
    """An array (H, W), or (C, H, W), whose blocks lie one after the other in memory, a view of the file.

    Attributes:
        blocks: (rows of blocks, blocks of a row, C or 1, BLOCK, BLOCK); what lies outside of the image is 0.
    """

    band = BLOCK

    def __init__(self, blocks: np.ndarray, shape: tuple[int, ...]) -> None:
        self.blocks = blocks
        self.shape = shape
        self.dtype = blocks.dtype

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle put together of the blocks that it touches."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        found = np.empty((self.blocks.shape[2], height, width), self.dtype)
        for y, inner_rows, outer_rows in touched(rows):
            for x, inner_columns, outer_columns in touched(columns):
                found[:, outer_rows, outer_columns] = self.blocks[y, x][:, inner_rows, inner_columns]
        return found if len(self.shape) == 3 else found[0]


class ScaledArray(LargeArray):
    """The values of a stored array (C, H, W), float32: slope * stored + intercept, channel by channel."""

    def __init__(self, stored: LargeArray, slopes: np.ndarray, intercepts: np.ndarray) -> None:
        self.stored = stored
        self.shape = stored.shape
        self.dtype = np.dtype(np.float32)
        self.band = stored.band
        self.slopes, self.intercepts = (row.astype(np.float32)[:, None, None] for row in (slopes, intercepts))

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle's values."""
        values: np.ndarray = self.stored.read(rows, columns).astype(np.float32) * self.slopes + self.intercepts
        return values


def touched(part: slice) -> Iterator[tuple[int, slice, slice]]:
    """Yield the blocks that a part of an axis touches: which, which of its pixels, and where they lie in the part."""
    for place in range(part.start // BLOCK, -(-part.stop // BLOCK) if part.stop > part.start else 0):
        first = place * BLOCK
        start, stop = max(part.start, first), min(part.stop, first + BLOCK)
        yield place, slice(start - first, stop - first), slice(start - part.start, stop - part.start)


def block_counts(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many rows of blocks an image (..., H, W) has, and how many blocks a row."""
    return -(-shape[-2] // BLOCK), -(-shape[-1] // BLOCK)


def blocks_bytes(shape: tuple[int, ...], channels: int, dtype: Any) -> int:
    """Return how many bytes the blocks of an image take."""
    rows, columns = block_counts(shape)
    return int(rows * columns * channels * BLOCK * BLOCK * np.dtype(dtype).itemsize)


def write_blocks(stream: BinaryIO, height: int, read: Callable[[int, int], np.ndarray]) -> None:
    """Write an image as blocks, a row of them at a time.

    Args:
        read: (start, stop) -> rows of it, (C, stop - start, W).
    """
    for start in range(0, height, BLOCK):
        stream.write(as_blocks(read(start, min(start + BLOCK, height))).tobytes())


def as_blocks(rows: np.ndarray) -> np.ndarray:
    """Return at most BLOCK rows of an image (C, n, W) as a row of blocks (blocks, C, BLOCK, BLOCK)."""
    channels, count, width = rows.shape
    columns = -(-width // BLOCK)
    padded = np.zeros((channels, BLOCK, columns * BLOCK), rows.dtype)
    padded[:, :count, :width] = rows
    return np.ascontiguousarray(padded.reshape(channels, BLOCK, columns, BLOCK).transpose(2, 0, 1, 3))
