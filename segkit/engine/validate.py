"""Score a model on a store's working grid, for curves and selection only; threads score what is predicted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from segkit.data.batches import Batches
from segkit.data.case import Case
from segkit.data.grid import nearest_indices
from segkit.data.normalize import BY_CASE
from segkit.data.prefetch import prefetch
from segkit.data.volume_store import VolumeStore
from segkit.declarations import Task
from segkit.engine.decoding import decode
from segkit.engine.distributed import ALONE, Ranks
from segkit.engine.feeding import Feeds
from segkit.engine.infer import Predictor
from segkit.engine.measure import CaseScores, ChosenMetric, score_case
from segkit.engine.selection import Figure, Validation
from segkit.engine.volumes import VolumePredictor
from segkit.errors import SegkitError
from segkit.statistics.failures import failures


class Prediction(NamedTuple):
    """A case's label map and mask, (*S) or (classes, *S), and its place in the store."""

    place: int
    case: Case
    labels: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, ...] | None
    sums: Mapping[Any, Mapping[str, np.ndarray]] = MappingProxyType({})


def validate_images(
    batches: Batches, predictor: Predictor, metrics: Sequence[ChosenMetric], ranks: Ranks = ALONE
) -> Validation:
    """Score a model on the images of a store.

    Args:
        batches: the validation split, one case a batch, not augmented; of several ranks, this one's. Has as many
            threads that score as it has that gather.

    Raises:
        SegkitError: the logits of a case are not finite.
    """
    store = batches.source
    assert not store.volumes

    def predictions() -> Iterator[Prediction]:
        for batch in batches.epoch(0):
            index = int(batch.indices[0])
            found = store.cases[index]
            mask = batch.masks[0].cpu().numpy()
            with about(found.id):
                feeds = Feeds(metrics, mask, None, predictor.task)
                scores = predictor.scores(batch.images, store.size)[0]
                if feeds.watch is not None:
                    feeds.watch(tuple(slice(0, side) for side in store.size), scores)
                labels = decode(scores, overlapping=predictor.task.overlapping).cpu().numpy()
            yield Prediction(index, found.case, labels, mask, None, feeds.sums)

    rows = ranks.gather(scored(predictions(), predictor.task, metrics, batches.workers))
    return validation(rows, metrics, len(store.cases))


def validate_volumes(
    store: VolumeStore,
    predictor: VolumePredictor,
    metrics: Sequence[ChosenMetric],
    limit: int,
    ranks: Ranks = ALONE,
    workers: int = 0,
) -> Validation:
    """Score a model on the working grid of whole volumes, by the slices or windows that it is applied by.

    Args:
        limit: how many volumes are scored at most, evenly spread over the store: always the same ones.
        workers: threads that score; each holds up to two volumes.

    Returns:
        Figures whose distances are in mm where the spacing is known.

    Raises:
        SegkitError: the logits of a case are not finite.
    """
    kind = predictor.normalization.kind
    task = replace(predictor.task, in_channels=store.channels, spatial_dims=predictor.image_dims)

    def predictions() -> Iterator[Prediction]:
        for index in ranks.share(nearest_indices(len(store), min(limit, len(store))).tolist()):
            found = store.cases[index]
            # Each case's own numbers are those of the volume on its own grid, as in training.
            numbers = store.moments(index, kind) if kind in BY_CASE else None
            normalization = predictor.normalization.bound(*numbers) if numbers else predictor.normalization
            bound = replace(predictor, preprocessing=replace(predictor.preprocessing, normalization=normalization))
            mask = np.array(store.mask(index))
            with about(found.id):
                feeds = Feeds(metrics, mask, found.working_spacing, task)
                labels = bound.labels(store.values(index), spacing=found.working_spacing, watch=feeds.watch)
            yield Prediction(index, found.case, labels, mask, found.working_spacing, feeds.sums)

    return validation(ranks.gather(scored(predictions(), task, metrics, workers)), metrics, len(store))


def scored(
    predictions: Iterator[Prediction], task: Task, metrics: Sequence[ChosenMetric], workers: int
) -> list[tuple[int, CaseScores]]:
    """Score predictions in threads, as `segkit.engine.scoring` does; returns each with its place in the store."""

    def score(found: Prediction) -> tuple[int, CaseScores]:
        row = score_case(found.case, found.labels, found.mask, found.spacing, task, metrics, sums=found.sums)
        return found.place, row

    with closing(prefetch(score, predictions, workers)) as rows:
        return list(rows)


def validation(rows: Sequence[tuple[int, CaseScores]], metrics: Sequence[ChosenMetric], total: int) -> Validation:
    """Return what the cases say together, taken in the store's order: a sum's last bits depend on it."""
    ordered = [row for _, row in sorted(rows, key=lambda item: item[0])]
    figures = {f"{metric.name}@store": figure_of(ordered, metric) for metric in metrics if not metric.over_cases}
    return Validation(figures, len(rows), total)


def figure_of(rows: Sequence[CaseScores], metric: ChosenMetric) -> Figure:
    """Return the mean over cases and classes of a metric's finite values, and how many failed."""
    values = np.stack([row.values[metric.name] for row in rows])
    missed = np.stack([row.missed for row in rows])
    direction = metric.declaration.direction
    failed = failures(direction.comparable(values), missed, higher_is_better=direction.higher)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Figure(float("nan"), 0, int(failed.sum()))
    distance = None if direction.target is None else float(direction.comparable(finite).mean())
    return Figure(float(finite.mean()), int(finite.size), int(failed.sum()), distance)


@contextmanager
def about(case: str) -> Iterator[None]:
    """Name the case that an error is about."""
    try:
        yield
    except SegkitError as error:
        raise error.of(f"case {case}") from None
