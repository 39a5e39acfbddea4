"""The tolerance of the normalised surface distance as two readers are apart (Nikolov et al. 2021)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from segkit import Measurement, Task, UsageError
from segkit_metrics.distances import AREAS, EDGES, SURFELS
from segkit_metrics.params import SurfaceDiceParams
from segkit_metrics.surface import weighted_percentile


def tolerance_of_readers(
    task: Task, params: SurfaceDiceParams, measurements: Iterable[Measurement]
) -> SurfaceDiceParams:
    """Return the params with a tolerance per class: the smallest within which 95 % of all readers' surfaces lie.

    Surfaces of both readers of every pair count, those of all cases together: taken so, the share that the score is has
    the value 0.95 between the readers themselves. A class that only one of two drew has no distance, and no part in it.

    Args:
        measurements: of every two readers, one as the prediction.

    Raises:
        UsageError: a table of tolerances was asked for as well.
    """
    if params.table is not None:
        raise UsageError(f"nsd: both table={params.table} and tolerance=readers", "give one or the other")
    names = SURFELS if params.mode == "surfel" else EDGES
    found = [Lengths() for _ in task.classes]
    for measured in measurements:
        for label, lengths in enumerate(found):
            if not (measured.reference[label] and measured.predicted[label]):
                continue
            for name, area in zip(names, AREAS, strict=True):
                distances = measured.distances[name][label]
                surfel = params.mode == "surfel"
                lengths.add(distances, measured.distances[area][label] if surfel else np.ones(len(distances)))
    taken = tuple(weighted_percentile(lengths.distances, lengths.weights) for lengths in found)
    return replace(params, tolerance=taken)


@dataclass
class Lengths:
    """Distances, each once with all of its weight: on a grid they are few, however many cases there are."""

    distances: np.ndarray = field(default_factory=lambda: np.empty(0))
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))

    def add(self, distances: np.ndarray, weights: np.ndarray) -> None:
        """Take in further ones."""
        self.distances, places = np.unique(np.concatenate([self.distances, distances]), return_inverse=True)
        self.weights = np.bincount(places.ravel(), np.concatenate([self.weights, weights]))
