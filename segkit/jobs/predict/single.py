"""One image by itself: read, predicted, measured, written; what `segkit predict` does to each of many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from segkit.data.case import Sample
from segkit.engine.ensemble import Ensemble
from segkit.engine.expected import ExpectedDice
from segkit.engine.feeding import Block, Watch
from segkit.errors import SegkitError
from segkit.jobs.predict.estimate import estimate_of, telling
from segkit.jobs.predict.faults import fault_of
from segkit.jobs.predict.inputs import Input
from segkit.jobs.predict.outputs import ClassSize, class_sizes, write_mask
from segkit.model import Model


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Attributes:
        sample: the image as the model was given it; `sample.shape` is its own grid.
        labels: uint8 on that grid, (*S) or of overlapping classes (classes, *S).
        expected: the Dice that it can expect by its own probabilities; None of a model that is not calibrated.
    """

    sample: Sample
    labels: np.ndarray
    sizes: Sequence[ClassSize]
    expected: float | None = None


def predict_image(model: Model, files: Sequence[Path], tell: Callable[[float], None] | None = None) -> Prediction:
    """Predict one image from its file, folder, or files of one channel each, as `segkit predict` does.

    It may be called from several threads: they read at once and take turns at the network.

    Args:
        tell: told of a volume's share that is done, from 0 to 1.

    Raises:
        SegkitError: whatever is wrong with the image, in a sentence that names its file.
        OSError: the disk refuses, as it would every image.
    """
    item = Input(tuple(files), files[0].name)
    shape: tuple[int, ...] = ()
    try:
        ensemble = Ensemble((model.predictor,))
        sample = model.opener.open(item.files, model.image_task, ensemble.size)
        shape = tuple(sample.shape)
        estimate = estimate_of([model.header], ensemble)
        watch = watching(estimate.dice if estimate else None, tell if len(shape) == 3 else None, math.prod(shape))
        labels = telling(ensemble, estimate).labels(sample.image, shape, sample.spacing, watch)
        labels = labels if model.postprocess is None else model.postprocess(labels)
        sizes = class_sizes(labels, model.image_task, sample.spacing)
    except (
        Exception
    ) as error:  # of a reader, of a network that a stranger wrote, of the machine, of a file from anywhere
        raise fault_of(item, error, shape) from error
    return Prediction(sample, labels, sizes, estimate.value() if estimate else None)


def watching(dice: ExpectedDice | None, tell: Callable[[float], None] | None, voxels: int) -> Watch | None:
    """Return what is told of every block of scores; None where nobody wants to know, which is the fastest."""
    if tell is None:
        return None if dice is None else dice.take
    done = 0

    def watch(block: Block, scores: torch.Tensor) -> None:
        nonlocal done
        if dice is not None:
            dice.take(block, scores)
        done += math.prod(scores.shape[1:])
        tell(done / voxels)

    return watch


def write_labels_of(
    model: Model, files: Sequence[Path], labels: np.ndarray, sample: Sample, folder: Path, name: str
) -> list[Path]:
    """Write a label map of an image in the image's own format, orientation and grid, whole or not at all.

    Args:
        labels: on the sample's own grid, as `Prediction` has them.
        name: of the file, without its ending.

    Returns:
        The files, the label map or the first class's first.

    Raises:
        SegkitError: the format cannot be written so.
    """
    grid = model.image_task.mask_shape(sample.shape)
    if labels.shape != tuple(grid):
        raise SegkitError(f"the label map is {labels.shape}, the image's grid {tuple(grid)}", "give one on its grid")
    return write_mask(
        folder, Input(tuple(files), name), model.opener.format_of(files[0]), labels, sample, model.image_task
    )
