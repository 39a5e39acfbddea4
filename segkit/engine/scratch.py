"""Label maps that are larger than memory, kept in a nameless file while they are made and scored."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence

import numpy as np

from segkit.data.roots import cache_folder
from segkit.files import check_room

MOST_HELD = 2**27
"""Bytes of a label map in memory, 134 million pixels: a photograph. Slides have ten times that and more."""


def held_bytes(shape: Sequence[int]) -> int:
    """Return how much memory a label map takes."""
    size = math.prod(shape)
    return size if size <= MOST_HELD else 0


def new_labels(shape: Sequence[int]) -> np.ndarray:
    """Return an array (*shape) uint8 to be filled: in memory, or of many pixels in a file that nobody else sees.

    The file lies in segkit's cache, as a folder for temporary files is often kept in memory; it ends with the array.

    Raises:
        SegkitError: the disk has no room for it.
    """
    size = math.prod(shape)
    if size <= MOST_HELD:
        return np.empty(tuple(shape), np.uint8)
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    what = f"a label map of {' x '.join(map(str, shape))}"
    check_room(size, folder, what, disk="the cache's disk", hint="free some space, or put SEGKIT_CACHE on another disk")
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.uint8, "w+", shape=tuple(shape))
