"""Score a model on every case of a split, each on its own grid against the file on disk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch

from segkit.data.case import Case, Sample
from segkit.data.check import check_sample
from segkit.data.dataset import DatasetReader
from segkit.data.in_time import read_case
from segkit.data.prefetch import prefetch
from segkit.data.reading import read_at
from segkit.declarations import Task
from segkit.engine.clock import OFF, Clock
from segkit.engine.distributed import ALONE, Ranks
from segkit.engine.ensemble import Ensemble
from segkit.engine.expected import Estimate
from segkit.engine.feeding import Block, Feeds, Watch
from segkit.engine.infer import Predictor
from segkit.engine.measure import CaseScores, ChosenMetric, reference_digest, score_case
from segkit.engine.memory import enough_memory
from segkit.engine.predictions import write_prediction
from segkit.engine.progress import Progress
from segkit.engine.volumes import VolumePredictor
from segkit.errors import SegkitError


def nothing_expected() -> Estimate | None:
    """Estimate nothing."""
    return None


def score_cases(
    reader: DatasetReader,
    dataset_name: str,
    cases: Sequence[Case],
    predictor: Predictor | VolumePredictor,
    metrics: Sequence[ChosenMetric],
    *,
    predictions: Path | None,
    workers: int,
    progress: Progress,
    background: bool = False,
    postprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    ranks: Ranks = ALONE,
    clock: Clock = OFF,
    expecting: Callable[[], Estimate | None] = nothing_expected,
) -> list[CaseScores]:
    """Predict and score every case; returns the scores in the order of the case ids.

    Threads read the next cases and score the ones before while this one predicts; how many there are changes no score.
    No more cases are held than there are threads, twice.

    Args:
        predictions: folder for the predicted label maps; None to keep none.
        workers: threads that read, and as many that score; 0: none.
        background: score label 0 as a class as well, the first one.
        postprocess: changes a predicted label map (*S) before it is scored and kept.
        ranks: the processes that share the cases; each returns the scores of all.
        clock: told what the network and what the metrics take.
        expecting: makes what estimates a case's Dice by its probabilities; None where nothing can.

    Raises:
        SegkitError: a case cannot be read or has no mask.
    """
    ordered = ranks.share(sorted(cases, key=lambda case: case.id))

    def predicted(samples: Iterable[Sample]) -> Iterator[Predicted]:
        for case, sample in zip(ordered, clock.over(samples, "reading cases"), strict=True):
            with clock("inference"):
                found = predict_case(predictor, case, sample, reader.task, metrics, expecting())
            yield found

    def score(found: Predicted) -> CaseScores:
        case, sample, mask, labels, sums, expected = found
        labels = labels if postprocess is None else postprocess(labels)
        row = score_case(case, labels, mask, sample.spacing, reader.task, metrics, background=background, sums=sums)
        if predictions is not None:
            write_prediction(reader, predictions, case, labels, sample, reader.task)
        return replace(row, reference_digest=reference_digest(mask, sample.spacing), expected=expected)

    scores = []
    progress.start("evaluate", len(ordered), "cases")
    at_once = few(predictor, workers)
    with (
        closing(read_ahead(reader, ordered, predictor, dataset_name, at_once)) as samples,
        closing(prefetch(score, predicted(samples), at_once)) as scored,
    ):
        for row in clock.over(scored, "metrics"):
            scores.append(row)
            progress.advance()
    progress.finish()
    return sorted(ranks.gather(scores), key=lambda row: row.case)


class Predicted(NamedTuple):
    """A case between its prediction and its scores.

    Attributes:
        sample: without its image, which may be large.
        mask, labels: label maps (*S), or (classes, *S), on the case's own grid.
        sums: what metrics that need probabilities added up, by `measure_key`.
        expected: the Dice that it can expect; None where nothing estimates it.
    """

    case: Case
    sample: Sample
    mask: np.ndarray
    labels: np.ndarray
    sums: Mapping[Any, Mapping[str, np.ndarray]] = MappingProxyType({})
    expected: float | None = None


def predict_case(
    predictor: Predictor | VolumePredictor,
    case: Case,
    sample: Sample,
    task: Task,
    metrics: Sequence[ChosenMetric],
    estimate: Estimate | None = None,
) -> Predicted:
    """Predict one case; raises SegkitError where it has no mask to be scored against, or its logits are no numbers."""
    if sample.mask is None:
        raise SegkitError(f"case {case.id} has no mask", "score a split whose cases all have one")
    with enough_memory(f"case {case.id}"):
        try:
            feeds = Feeds(metrics, sample.mask, sample.spacing, task)
            watch = both(feeds.watch, None if estimate is None else estimate.dice.take)
            applied = predictor if estimate is None else estimate.told(predictor)
            labels = applied.labels(sample.image, sample.shape, sample.spacing, watch)
        except SegkitError as error:
            raise error.of(f"case {case.id}") from None
    kept = replace(sample, image=sample.image[:0].copy(), grid=sample.shape)
    return Predicted(case, kept, sample.mask, labels, feeds.sums, None if estimate is None else estimate.value())


def both(first: Watch | None, second: Watch | None) -> Watch | None:
    """Return what tells two watches, or the one that is there."""
    if first is None or second is None:
        return first or second

    def tell(block: Block, scores: torch.Tensor) -> None:
        first(block, scores)
        second(block, scores)

    return tell


def few(predictor: Predictor | VolumePredictor | Ensemble, workers: int) -> int:
    """Return how many threads may hold cases at once: of volumes one, since each may be large."""
    return min(1, workers) if predictor.volumes else workers


def read_ahead(
    reader: DatasetReader,
    cases: Sequence[Case],
    predictor: Predictor | VolumePredictor | Ensemble,
    dataset_name: str,
    workers: int,
) -> Generator[Sample, None, None]:
    """Read cases in order, as the predictor takes them: photographs at its size, volumes as they are."""

    size = None if predictor.volumes else predictor.size

    def read(case: Case) -> Sample:
        with enough_memory(f"case {case.id}"):
            if size is None:
                return read_whole(reader, case, dataset_name)
            return read_at(reader, case, size, dataset_name)

    return prefetch(read, cases, workers)


def read_whole(reader: DatasetReader, case: Case, dataset_name: str) -> Sample:
    """Read and check one case on its own grid; raises SegkitError where it cannot be read or is not the task's."""
    sample = read_case(reader, case)
    check_sample(sample, case, reader.task, dataset_name)
    return sample
