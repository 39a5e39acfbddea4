"""Score a model on every case of a split, each on its own grid against the file on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from segkit.data.batches import Batches
from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.prefetch import prefetch
from segkit.data.reading import read_at
from segkit.engine.infer import Predictor, decode
from segkit.engine.measure import CaseScores, ChosenMetric, score_case
from segkit.engine.progress import Progress
from segkit.errors import SegkitError
from segkit.files import write_whole

# Distinct for the colour-blind (Okabe and Ito 2008); label 0 is black.
PALETTE = (0, 0, 0, 230, 159, 0, 86, 180, 233, 0, 158, 115, 240, 228, 66, 0, 114, 178, 213, 94, 0, 204, 121, 167)


def evaluate(
    reader: DatasetReader,
    dataset_name: str,
    cases: Sequence[Case],
    predictor: Predictor,
    metrics: Sequence[ChosenMetric],
    *,
    predictions: Path | None,
    workers: int,
    progress: Progress,
    background: bool = False,
    postprocess: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[CaseScores]:
    """Predict and score every case; returns the scores in the order of the case ids.

    Args:
        predictions: folder for the predicted label maps; None to keep none.
        background: score label 0 as a class as well, the first one.
        postprocess: changes a predicted label map (*S) before it is scored and kept.

    Raises:
        SegkitError: a case cannot be read or has no mask.
    """
    scores = []
    ordered = sorted(cases, key=lambda case: case.id)
    samples = prefetch(lambda case: read_at(reader, case, predictor.size, dataset_name), ordered, workers)
    progress.start("evaluate", len(cases), "cases")
    for case, sample in zip(ordered, samples, strict=True):
        if sample.mask is None:
            raise SegkitError(f"case {case.id} has no mask", "score a split whose cases all have one")
        labels = predictor.labels(sample.image, sample.shape)
        labels = labels if postprocess is None else postprocess(labels)
        scores.append(
            score_case(case, labels, sample.mask, sample.spacing, predictor.task, metrics, background=background)
        )
        if predictions is not None:
            write_labels(predictions / f"{case.id}.png", labels)
        progress.advance()
    progress.finish()
    return scores


def validate(batches: Batches, predictor: Predictor, metrics: Sequence[ChosenMetric]) -> dict[str, float]:
    """Score a model on a store's working grid, for curves and selection only.

    Args:
        batches: the validation split, one case a batch, not augmented.

    Returns:
        The mean over cases and classes of each metric's finite values, such as {"dice@store": 0.71}.
    """
    rows = []
    for batch in batches.epoch(0):
        case = batches.store.cases[int(batch.indices[0])]
        labels = decode(predictor.scores(batch.images, batches.store.size)[0], predictor.task)
        mask = batch.masks[0].cpu().numpy()
        rows.append(score_case(Case(case.id, case.group), labels, mask, None, predictor.task, metrics))
    means = {}
    for metric in metrics:
        values = np.stack([row.values[metric.name] for row in rows])
        finite = values[np.isfinite(values)]
        means[f"{metric.name}@store"] = float(finite.mean()) if finite.size else float("nan")
    return means


def write_labels(path: Path, labels: np.ndarray) -> None:
    """Write a label map (H, W) as a palette PNG whose indices are the labels."""
    image = Image.fromarray(labels, mode="L")
    image.putpalette(PALETTE)
    write_whole(path, lambda stream: image.save(stream, format="PNG"))


def read_labels(path: Path) -> np.ndarray:
    """Read a label map that `write_labels` wrote, (H, W) uint8."""
    with Image.open(path) as image:
        return np.asarray(image)
