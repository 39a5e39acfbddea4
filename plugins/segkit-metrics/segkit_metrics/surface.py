"""Scores from surface distances, in mm (pixels without a spacing)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from segkit import Measurement, Task
from segkit_metrics.distances import AREAS, EDGES, SURFELS
from segkit_metrics.overlap import Score
from segkit_metrics.params import DistanceParams, Hd95Params, SurfaceDiceParams
from segkit_metrics.tolerances import tolerances

ROUNDING = 1e-12
"""Three steps of 0.1 mm lie within 0.3 mm, although their floating-point product does not."""

Reduction = Callable[[np.ndarray, np.ndarray], float]
"""From the distances of both directions, neither empty, to one number."""


def hd(task: Task, params: DistanceParams) -> Score:
    """Return the largest distance from any edge voxel to the other's nearest (Hausdorff distance) per class."""
    return from_edges(lambda there, back: max(there.max(), back.max()), params)


def hd95(task: Task, params: Hd95Params) -> Score:
    """Return the 95th percentile of the distances per class, by the rule of `mode`.

    Of edge voxels it is interpolated linearly; of surface elements it is the first distance up to which 95 % of the
    area lie.
    """
    if params.mode == "surfel":

        def score(measured: Measurement) -> np.ndarray:
            sides = [
                list(map(weighted_percentile, measured.distances[far], measured.distances[area]))
                for far, area in zip(SURFELS, AREAS, strict=True)
            ]
            return with_conventions(np.max(sides, axis=0), measured, params)

        return score
    if params.mode == "pooled":
        return from_edges(lambda there, back: np.percentile(np.concatenate([there, back]), 95), params)
    return from_edges(lambda there, back: max(np.percentile(there, 95), np.percentile(back, 95)), params)


def assd(task: Task, params: DistanceParams) -> Score:
    """Return the mean over the edge voxels of both sides together (average symmetric surface distance) per class."""
    return from_edges(lambda there, back: (there.sum() + back.sum()) / (len(there) + len(back)), params)


def masd(task: Task, params: DistanceParams) -> Score:
    """Return the mean of both directions' means (mean average surface distance) per class."""
    return from_edges(lambda there, back: (there.mean() + back.mean()) / 2, params)


@dataclass(frozen=True)
class SurfaceDice:
    """The share of both surfaces that lies within a tolerance of the other; a missed or spurious structure scores 0.

    Attributes:
        per_class: {"tolerance": one per class}, for the record.
    """

    params: SurfaceDiceParams
    per_class: Mapping[str, tuple[float, ...]]

    def __call__(self, measured: Measurement) -> np.ndarray:
        """Return one value per class, 0 to 1."""
        surfel = self.params.mode == "surfel"
        values = np.full(len(measured.reference), float(self.params.both_empty))
        for label, tolerance in enumerate(self.per_class["tolerance"]):
            if not (measured.reference[label] or measured.predicted[label]):
                continue
            within, whole = 0.0, 0.0
            for name, area in zip(SURFELS if surfel else EDGES, AREAS, strict=True):
                distances = measured.distances[name][label]
                weights = measured.distances[area][label] if surfel else np.ones(len(distances))
                within += weights[distances <= tolerance * (1 + ROUNDING)].sum()
                whole += weights.sum()
            values[label] = within / whole
        return values


def nsd(task: Task, params: SurfaceDiceParams) -> SurfaceDice:
    """Return the normalised surface distance (surface Dice, Nikolov et al. 2021); raises UsageError for tolerances."""
    return SurfaceDice(params, {"tolerance": tolerances(task.classes, params)})


def from_edges(reduce: Reduction, params: DistanceParams) -> Score:
    """Return the score that reduces both directions' edge distances to a number."""

    def score(measured: Measurement) -> np.ndarray:
        values = np.full(len(measured.reference), np.nan)
        both = zip(*(measured.distances[name] for name in EDGES), strict=True)
        for label, (there, back) in enumerate(both):
            if len(there) and len(back):
                values[label] = reduce(there, back)
        return with_conventions(values, measured, params)

    return score


def with_conventions(values: np.ndarray, measured: Measurement, params: DistanceParams) -> np.ndarray:
    """Put in what the conventions say of classes that one side or both lack."""
    reference, predicted = measured.reference > 0, measured.predicted > 0
    missed = diagonal(measured) if params.missed == "diagonal" else float(params.missed)
    values = np.where(reference != predicted, missed, values)
    return np.where(reference | predicted, values, float(params.both_empty))


def diagonal(measured: Measurement) -> float:
    """Return the length of the image's diagonal, from outer corner to outer corner."""
    spacing = measured.spacing or (1.0,) * len(measured.shape)
    return math.hypot(*(side * step for side, step in zip(measured.shape, spacing, strict=True)))


def weighted_percentile(distances: np.ndarray, weights: np.ndarray) -> float:
    """Return the first distance up to which 95 % of the weight lie; NaN without any."""
    if not len(distances):
        return math.nan
    order = np.lexsort((weights, distances))
    cumulated = np.cumsum(weights[order]) / weights.sum()
    at = min(int(np.searchsorted(cumulated, 0.95 - ROUNDING)), len(order) - 1)
    return float(distances[order[at]])
