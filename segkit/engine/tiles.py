"""Scores of a photograph tile by tile: rows of overlapping windows, blended, finished from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from segkit.data.working_grid import WorkingPlanes
from segkit.engine.restore import restore
from segkit.engine.windows import AxisWindows, PaddedPlanes, Place, blend_windows, cropped

if TYPE_CHECKING:
    from segkit.engine.volumes import VolumePredictor


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


def tile_scores(
    predictor: VolumePredictor,
    image: Any,
    own: Sequence[int],
    working: Sequence[int],
    normalise: Callable[[np.ndarray], torch.Tensor],
    at_once: int,
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield blended scores on the own grid, rows by rows; what is held is one tile's height of the image.

    A photograph is walked as a volume is whose planes are its rows: the weights of windows are the products of their
    axes' Gaussians either way.

    Args:
        image: (C, H, W), in memory or not.
        own, working: both grids, (H, W).

    Yields:
        Which rows, and their scores (K, n, W) float32; they last until the next are asked for.
    """
    tile = predictor.size
    padded = [max(pair) for pair in zip(working, tile, strict=True)]
    top, left = ((full - side) // 2 for full, side in zip(padded, working, strict=True))
    planes = ThinPlanes(image, working)
    source = PaddedPlanes(planes.read, planes.thin, normalise, (padded[0], 1, padded[1]), (top, 0, left))
    overlap = predictor.preprocessing.overlap
    rows, columns = (AxisWindows.cover(full, side, overlap) for full, side in zip(padded, tile, strict=True))
    window = predictor.window

    def forward(windows: torch.Tensor, places: Sequence[Place]) -> torch.Tensor:
        flat = windows.to(predictor.device)[:, :, :, 0].contiguous(memory_format=torch.channels_last)
        scores: torch.Tensor = window.scores(flat, tile)
        return scores[:, :, :, None]

    blended = blend_windows(
        source.read,
        (rows, AxisWindows.cover(1, 1, overlap), columns),
        forward,
        channels=predictor.score_channels,
        device=predictor.device,
        at_once=at_once,
    )
    inside = cropped(blended, planes.thin, source.before)
    for part, scores in restore(inside, planes.thin, (own[0], 1, own[1])):
        yield part, scores[:, :, 0]
