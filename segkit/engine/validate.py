"""Score a model on a store's working grid, for curves and selection only; threads score what is predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from segkit.data.batches import Batches
from segkit.data.case import Case
from segkit.data.grid import nearest_indices
from segkit.data.intensities import PER_CASE
from segkit.data.prefetch import prefetch
from segkit.data.volume_store import VolumeStore
from segkit.declarations import Task
from segkit.engine.decoding import decode
from segkit.engine.distributed import ALONE, Ranks
from segkit.engine.infer import Predictor
from segkit.engine.measure import CaseScores, ChosenMetric, score_case
from segkit.engine.volumes import VolumePredictor


class Prediction(NamedTuple):
    """A case's label map and mask (*S), and its place in the store."""

    place: int
    case: Case
    labels: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, ...] | None


def validate_images(
    batches: Batches, predictor: Predictor, metrics: Sequence[ChosenMetric], ranks: Ranks = ALONE
) -> dict[str, float]:
    """Score a model on the images of a store.

    Args:
        batches: the validation split, one case a batch, not augmented; of several ranks, this one's. Has as many
            threads that score as it has that gather.

    Returns:
        The mean over cases and classes of each metric's finite values, such as {"dice@store": 0.71}.
    """
    store = batches.source
    assert not store.volumes

    def predictions() -> Iterator[Prediction]:
        for batch in batches.epoch(0):
            index = int(batch.indices[0])
            found = store.cases[index]
            labels = decode(predictor.scores(batch.images, store.size)[0]).cpu().numpy()
            yield Prediction(index, Case(found.id, found.group), labels, batch.masks[0].cpu().numpy(), None)

    return means(ranks.gather(scored(predictions(), predictor.task, metrics, batches.workers)), metrics)


def validate_volumes(
    store: VolumeStore,
    predictor: VolumePredictor,
    metrics: Sequence[ChosenMetric],
    limit: int,
    ranks: Ranks = ALONE,
    workers: int = 0,
) -> dict[str, float]:
    """Score a model on the working grid of whole volumes, by the slices or windows that it is applied by.

    Args:
        limit: how many volumes are scored at most, evenly spread over the store: always the same ones.
        workers: threads that score; each holds up to two volumes.

    Returns:
        The mean over cases and classes of each metric's finite values, such as {"dice@store": 0.71}; distances are in
        mm where the spacing is known.
    """
    kind = predictor.normalization.kind
    task = replace(predictor.task, in_channels=store.channels, spatial_dims=3)

    def predictions() -> Iterator[Prediction]:
        for index in ranks.share(nearest_indices(len(store), min(limit, len(store))).tolist()):
            found = store.cases[index]
            # Each case's own numbers are those of the volume on its own grid, as in training.
            numbers = store.moments(index, kind) if kind in PER_CASE else None
            normalization = predictor.normalization.bound(*numbers) if numbers else predictor.normalization
            bound = replace(predictor, preprocessing=replace(predictor.preprocessing, normalization=normalization))
            labels = bound.labels(store.values(index), spacing=found.working_spacing)
            case, mask = Case(found.id, found.group), np.array(store.mask(index))
            yield Prediction(index, case, labels, mask, found.working_spacing)

    return means(ranks.gather(scored(predictions(), task, metrics, workers)), metrics)


def scored(
    predictions: Iterator[Prediction], task: Task, metrics: Sequence[ChosenMetric], workers: int
) -> list[tuple[int, CaseScores]]:
    """Score predictions in threads, as `segkit.engine.scoring` does; returns each with its place in the store."""

    def score(found: Prediction) -> tuple[int, CaseScores]:
        return found.place, score_case(found.case, found.labels, found.mask, found.spacing, task, metrics)

    with closing(prefetch(score, predictions, workers)) as rows:
        return list(rows)


def means(rows: Sequence[tuple[int, CaseScores]], metrics: Sequence[ChosenMetric]) -> dict[str, float]:
    """Return each metric's mean, the cases in the store's order: a sum's last bits depend on it."""
    ordered = [row for _, row in sorted(rows, key=lambda item: item[0])]
    return {f"{metric.name}@store": mean_of(ordered, metric.name) for metric in metrics}


def mean_of(rows: Sequence[CaseScores], metric: str) -> float:
    """Return the mean over cases and classes of a metric's finite values; NaN where there is none."""
    values = np.stack([row.values[metric] for row in rows])
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
