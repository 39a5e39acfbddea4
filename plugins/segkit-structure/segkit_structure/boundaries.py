"""Scores of boundaries."""

from __future__ import annotations

import math

import numpy as np

from segkit import Measurement, Task
from segkit_metrics.distances import EDGES
from segkit_metrics.surface import diagonal
from segkit_structure.lesions import Score
from segkit_structure.params import BoundaryF1Params, BoundaryIouParams

CHENG_SHARE, CSURKA_SHARE = 0.02, 0.0075
"""Of the image's diagonal."""
ROUNDING = 1e-12


def boundary_iou(task: Task, params: BoundaryIouParams) -> Score:
    """Return the IoU of the inner bands along both outlines per class (Cheng et al. 2021); range 0 to 1.

    A missed or spurious structure scores 0; where both lack the class it is `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        values = np.full(len(measured.reference), float(params.both_empty))
        for label, (common, predicted, reference) in enumerate(measured.distances[band_name(measured, params)]):
            if predicted or reference:
                values[label] = common / (predicted + reference - common)
        return values

    return score


def band_name(measured: Measurement, params: BoundaryIouParams) -> str:
    """Return what the measurement calls the band of a width."""
    if params.band == "steps":
        width = params.width if params.width is not None else CHENG_SHARE * math.hypot(*measured.shape)
        return f"band:steps:{max(1, round(width))}"
    return f"band:mm:{params.width if params.width is not None else max(1.0, CHENG_SHARE * diagonal(measured))}"


def boundary_f1(task: Task, params: BoundaryF1Params) -> Score:
    """Return the F1 of edge voxels within a tolerance of the other edge per class (Csurka et al. 2013); range 0 to 1.

    A missed or spurious structure scores 0; where both lack the class it is `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        tolerance = CSURKA_SHARE * diagonal(measured) if params.tolerance is None else params.tolerance
        values = np.full(len(measured.reference), float(params.both_empty))
        for label, sides in enumerate(zip(*(measured.distances[name] for name in EDGES), strict=True)):
            if any(len(side) for side in sides):
                shares = [np.mean(side <= tolerance * (1 + ROUNDING)) if len(side) else 0.0 for side in sides]
                values[label] = 2 * math.prod(shares) / sum(shares) if sum(shares) else 0.0
        return values

    return score
