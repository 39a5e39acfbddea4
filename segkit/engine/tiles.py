"""Scores of a photograph tile by tile: rows of overlapping windows, blended, finished from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from segkit.data.large_array import BAND, LargeArray
from segkit.data.working_grid import WorkingPlanes
from segkit.engine.restore import restore
from segkit.engine.windows import AxisWindows, PaddedPlanes, Place, blend_windows, cropped

if TYPE_CHECKING:
    from segkit.engine.volumes import VolumePredictor


STRIP = 8192
"""Columns that are finished together: the slab of an image of 40,000 columns took 0.9 GiB, of such a strip 0.2."""


class ThinPlanes(WorkingPlanes):
    """Rows of a photograph as planes of a volume that is one pixel thick: (C, n, 1, W)."""

    def __init__(self, image: Any, size: Sequence[int]) -> None:
        super().__init__(image, size)
        height, width = size
        self.size = (height, width)
        self.thin = (height, 1, width)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return rows start to stop of the working grid."""
        return super().read(start, stop)[:, :, None, :]


class Columns(LargeArray):
    """Some columns of an image (C, H, W), in memory or not."""

    def __init__(self, image: Any, columns: slice) -> None:
        self.image, self.first = image, columns.start
        self.shape = (*image.shape[:-1], columns.stop - columns.start)
        self.dtype, self.band = image.dtype, getattr(image, "band", BAND)

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle."""
        found: np.ndarray = self.image[:, rows, self.first + columns.start : self.first + columns.stop]
        return found


def tile_blocks(
    predictor: VolumePredictor,
    image: Any,
    own: Sequence[int],
    working: Sequence[int],
    normalise: Callable[[np.ndarray], torch.Tensor],
    at_once: int,
) -> Iterator[tuple[slice, slice, torch.Tensor]]:
    """Yield blended scores of an image strip by strip, so that memory does not grow with its width either.

    A strip is made of all windows that touch it; those on the border of two are computed for either, and every pixel's
    sum is that of the whole. Images that are resampled are one strip.

    Yields:
        Which rows and columns of the own grid, and their scores (K, n, m) float32.
    """
    if tuple(own) != tuple(working) or own[1] <= STRIP + predictor.size[1] or own[0] < predictor.size[0]:
        for rows, scores in tile_scores(predictor, image, own, working, normalise, at_once):
            yield rows, slice(0, own[1]), scores
        return
    windows = AxisWindows.cover(own[1], predictor.size[1], predictor.preprocessing.overlap)
    for start in range(0, own[1], STRIP):
        columns = slice(start, min(start + STRIP, own[1]))
        touching = [place for place, first in enumerate(windows.starts)
                    if first < columns.stop and first + windows.size > columns.start]  # fmt: skip
        low, high = windows.starts[touching[0]], windows.starts[touching[-1]] + windows.size
        starts = tuple(windows.starts[place] - low for place in touching)
        part = AxisWindows(high - low, windows.size, starts, windows.weights[touching[0] : touching[-1] + 1])
        strip = Columns(image, slice(low, high))
        size = (own[0], high - low)
        for rows, scores in tile_scores(predictor, strip, size, size, normalise, at_once, part):
            yield rows, columns, scores[:, :, columns.start - low : columns.stop - low]


def tile_scores(
    predictor: VolumePredictor,
    image: Any,
    own: Sequence[int],
    working: Sequence[int],
    normalise: Callable[[np.ndarray], torch.Tensor],
    at_once: int,
    columns: AxisWindows | None = None,
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield blended scores on the own grid, rows by rows; what is held is one tile's height of the image.

    A photograph is walked as a volume is whose planes are its rows: the weights of windows are the products of their
    axes' Gaussians either way.

    Args:
        image: (C, H, W), in memory or not.
        own, working: both grids, (H, W).
        columns: the windows along a row; None: those that cover it.

    Yields:
        Which rows, and their scores (K, n, W) float32; they last until the next are asked for.
    """
    tile = predictor.size
    padded = [max(pair) for pair in zip(working, tile, strict=True)]
    top, left = ((full - side) // 2 for full, side in zip(padded, working, strict=True))
    planes = ThinPlanes(image, working)
    source = PaddedPlanes(planes.read, planes.thin, normalise, (padded[0], 1, padded[1]), (top, 0, left))
    overlap = predictor.preprocessing.overlap
    rows, across = (AxisWindows.cover(full, side, overlap) for full, side in zip(padded, tile, strict=True))
    window = predictor.window

    def forward(windows: torch.Tensor, places: Sequence[Place]) -> torch.Tensor:
        flat = windows.to(predictor.device)[:, :, :, 0].contiguous(memory_format=torch.channels_last)
        scores: torch.Tensor = window.scores(flat, tile)
        return scores[:, :, :, None]

    blended = blend_windows(
        source.read,
        (rows, AxisWindows.cover(1, 1, overlap), columns or across),
        forward,
        channels=predictor.score_channels,
        device=predictor.device,
        at_once=at_once,
    )
    inside = cropped(blended, planes.thin, source.before)
    for part, scores in restore(inside, planes.thin, (own[0], 1, own[1])):
        yield part, scores[:, :, 0]
