"""A plane on its own grid: its label map without interpolating where nothing can change, its scores in strips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn import functional

from segkit.engine.decoding import decode
from segkit.engine.restore import linear_sources

ROWS = 32
"""Rows of the own grid that are looked at together, at least: more of a narrow one."""
PIXELS = ROWS * 1024
"""Of a picture of 80,000,000 rows of one pixel, 32 rows at a time took minutes."""


def plane_labels(scores: torch.Tensor, shape: Sequence[int], *, overlapping: bool = False) -> np.ndarray:
    """Interpolate scores (K, h, w) bilinearly to a plane of `shape` and decode them, (H, W) uint8.

    Overlapping classes are decoded one by one, to (K, H, W).

    A class that wins in two rows wins at every mixture of them, so between rows of scores only the columns whose
    winner changes are interpolated: a tenth of the time on a photograph of twelve million pixels, and no scores are
    held on its grid.
    """
    if overlapping:
        return np.stack([plane_labels(score[None], shape) for score in scores])
    columns = functional.interpolate(
        scores[None].float(), size=(scores.shape[1], shape[1]), mode="bilinear", align_corners=False
    )
    across = columns[0].cpu().numpy()
    winner = decode(across)
    lower, upper, fraction = linear_sources(len(winner), shape[0])
    labels: np.ndarray = winner[lower]
    differs = winner[1:] != winner[:-1]
    step = max(ROWS, PIXELS // shape[1])
    for first in range(0, shape[0], step):
        rows = slice(first, first + step)
        changing = np.flatnonzero(differs[lower[rows][0] : upper[rows][-1]].any(axis=0))
        if changing.size:
            above, below = (across[:, source[rows, None], changing] for source in (lower, upper))
            labels[rows, changing] = decode(above + fraction[rows, None] * (below - above))
    return labels


def plane_scores(scores: torch.Tensor, shape: Sequence[int]) -> Iterator[tuple[slice, torch.Tensor]]:
    """Interpolate scores (K, h, w) bilinearly to a plane of `shape`, some rows at a time.

    Yields:
        Which rows, and their scores (K, n, W) float32.
    """
    columns = functional.interpolate(
        scores[None].float(), size=(scores.shape[1], shape[1]), mode="bilinear", align_corners=False
    )[0]
    lower, upper, fraction = (
        torch.from_numpy(part).to(columns.device) for part in linear_sources(len(columns[0]), shape[0])
    )
    step = max(ROWS, PIXELS // shape[1])
    for first in range(0, shape[0], step):
        rows = slice(first, min(first + step, shape[0]))
        above, below = columns[:, lower[rows]], columns[:, upper[rows]]
        yield rows, above + fraction[rows, None] * (below - above)
