"""An image file that was opened and not read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segkit import UnusableFileError
from segkit.data.large_array import LargeArray

LEVEL_HINT = "set data.level to one of them"


@dataclass(frozen=True)
class Opened:
    """An image of which parts can be read.

    Attributes:
        array: (C, H, W).
        spacing: mm per pixel along H and W; None where the file does not say it.
    """

    array: LargeArray
    spacing: tuple[float, float] | None = None


class Channels(LargeArray):
    """An image of the types that segkit takes: 16 bits per channel become floats of 0 to 1, bits become 0 and 1."""

    def __init__(self, source: LargeArray) -> None:
        self.source = source
        self.shape = source.shape if len(source.shape) == 3 else (1, *source.shape)
        self.dtype = np.dtype(stored_type(source.dtype))
        self.band = source.band

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle (C, rows, columns)."""
        values = self.source.read(rows, columns)
        values = values if values.ndim == 3 else values[None]
        if self.source.dtype == np.uint16:
            return values.astype(np.float32) / np.float32(65535)
        return values.astype(self.dtype, copy=False)


def stored_type(dtype: np.dtype) -> type:
    """Return the type that values of another are given in."""
    if dtype in (np.uint8, np.bool_):
        return np.uint8
    return np.int16 if dtype in (np.int8, np.int16) else np.float32


def check_level(level: int, levels: int, file: str) -> None:
    """Raise UnusableFileError where a pyramid has no such level."""
    if level >= levels:
        known = "one level, 0" if levels == 1 else f"levels 0 to {levels - 1}"
        raise UnusableFileError(file, f"has {known}, and level {level} was asked for", LEVEL_HINT)
