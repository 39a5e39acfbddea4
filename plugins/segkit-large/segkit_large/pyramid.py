"""Label maps as pyramids in tiled BigTIFFs, written a row of tiles at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import tifffile

from segkit.data.label_png import colours_of
from segkit.data.large_array import LargeArray, let_go
from segkit.files import write_whole
from segkit_large.tiff import open_tiff

TILE = 512
LET_GO = 512
"""Rows of the whole after which what was read of a mapped label map is given back."""
SMALLEST = 1024
"""Pixels of the longer side up to which a label map needs no coarser level."""


def write_pyramid(path: Path, labels: Any, spacing: tuple[float, float] | None) -> Path:
    """Write a label map (H, W) uint8 with a palette; every coarser level has every other pixel of the one before.

    Args:
        labels: in memory, mapped, or read by parts.
        spacing: mm per pixel, written as pixels per centimetre.
    """
    levels = 0
    while max(labels.shape) >> levels > SMALLEST:
        levels += 1

    def write(stream: Any) -> None:
        with tifffile.TiffWriter(cast(IO[bytes], Nameless(stream)), bigtiff=labels.size > 2**30) as writer:
            for level in range(levels + 1):
                writer.write(
                    tiles_of(labels, level), subifds=levels if level == 0 else None, **form(labels, level, spacing)
                )

    write_whole(path, write)
    return path


class Nameless:
    """A stream without a name: tifffile takes the number that an open file may have in its place for a path."""

    def __init__(self, stream: Any) -> None:
        self.seek, self.tell, self.write, self.flush = stream.seek, stream.tell, stream.write, stream.flush
        self.read, self.fileno, self.closed = stream.read, stream.fileno, False


def form(labels: Any, level: int, spacing: tuple[float, float] | None) -> dict[str, Any]:
    """Return how a level is written."""
    step = 1 << level
    said: dict[str, Any] = {
        "shape": tuple(-(-side // step) for side in labels.shape),
        "dtype": np.uint8,
        "photometric": "palette",
        "colormap": palette(),
        "tile": (TILE, TILE),
        "compression": "zlib",
        "subfiletype": 1 if level else 0,
        "metadata": None,
    }
    if spacing is not None:
        said |= {"resolution": tuple(10 / (length * step) for length in spacing[::-1]), "resolutionunit": "CENTIMETER"}
    return said


def palette() -> np.ndarray:
    """Return the colours of labels, (3, 256) uint16."""
    colours = np.zeros((256, 3), np.uint16)
    told = np.array(colours_of(256), np.uint16).reshape(-1, 3)[:256]
    colours[: len(told)] = told * 257
    return np.ascontiguousarray(colours.T)


def tiles_of(labels: Any, level: int) -> Iterator[np.ndarray]:
    """Yield the tiles of a level, row by row; what lies outside is 0."""
    step = 1 << level
    height, width = (-(-side // step) for side in labels.shape)
    for top in range(0, height, TILE):
        stop = min(top + TILE, height)
        if step == 1:
            rows = np.array(labels[top:stop])
        else:
            rows = np.empty((stop - top, width), np.uint8)
            for row in range(top, stop):
                rows[row - top] = labels[row * step, :][::step]
                if (
                    row * step % LET_GO < step
                ):  # the system maps what lies between the rows, too: 1.3 GB of 40,000 x 40,000
                    let_go(labels)
        let_go(labels)
        for left in range(0, width, TILE):
            tile = np.zeros((TILE, TILE), np.uint8)
            part = rows[:, left : left + TILE]
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile


def read_pyramid(path: Path) -> LargeArray:
    """Open what `write_pyramid` wrote; raises UnusableFileError."""
    return open_tiff(path, path.name, labels=True).array
