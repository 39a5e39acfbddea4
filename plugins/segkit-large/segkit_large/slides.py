"""Slides as scanners write them, by OpenSlide."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from segkit import UnusableFileError
from segkit.data.large_array import LargeArray
from segkit_large.opened import Opened, check_level

SLIDES = (".svs", ".ndpi", ".mrxs", ".scn", ".vms", ".vmu", ".bif", ".svslide")


class SlideArray(LargeArray):
    """A level of a slide, (3, H, W) uint8; what was not scanned has the colour that the slide says, else white."""

    def __init__(self, slide: Any, level: int, name: str) -> None:
        self.slide, self.level, self.name = slide, level, name
        width, height = slide.level_dimensions[level]
        self.shape, self.dtype = (3, int(height), int(width)), np.dtype(np.uint8)
        colour = slide.properties.get("openslide.background-color", "ffffff")
        self.background = np.array([int(colour[place : place + 2], 16) for place in (0, 2, 4)], np.float32)
        self._lock = threading.Lock()

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle; raises UnusableFileError where a part is damaged."""
        size = (columns.stop - columns.start, rows.stop - rows.start)
        if not all(size):
            return np.empty((3, size[1], size[0]), np.uint8)
        factor = self.slide.level_downsamples[self.level]
        where = round(columns.start * factor), round(rows.start * factor)
        try:
            with self._lock:
                region = np.asarray(self.slide.read_region(where, self.level, size))
        except Exception as error:  # openslide's own, of any format
            raise UnusableFileError(self.name, f"is damaged or cut short ({error})", "fetch it again") from error
        colours, alpha = region[..., :3], region[..., 3:]
        if (alpha < 255).any():
            share = alpha.astype(np.float32) / 255
            colours = np.rint(colours * share + self.background * (1 - share)).astype(np.uint8)
        return np.ascontiguousarray(colours.transpose(2, 0, 1))


def open_slide(path: Path, name: str, level: int = 0) -> Opened:
    """Open a slide; raises UnusableFileError where it is damaged or has no such level."""
    import openslide

    try:
        slide = openslide.OpenSlide(str(path))
    except Exception as error:  # openslide's own, of any format
        reason = " ".join(str(error).split()) or "no format that is known"
        raise UnusableFileError(name, f"is no slide that can be read ({reason})", "fetch it again") from error
    check_level(level, slide.level_count, name)
    factor = slide.level_downsamples[level]
    lengths = []
    for axis in ("y", "x"):
        try:
            lengths.append(float(slide.properties[f"openslide.mpp-{axis}"]) / 1000 * factor)
        except (KeyError, ValueError):
            return Opened(SlideArray(slide, level, name))
    return Opened(SlideArray(slide, level, name), (lengths[0], lengths[1]))
