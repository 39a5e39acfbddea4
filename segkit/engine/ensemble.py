"""Several models as one: their probabilities averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from segkit.declarations import Task
from segkit.engine.agreement import Agreement
from segkit.engine.calibration import decode_share, threshold_of
from segkit.engine.decoding import decode
from segkit.engine.feeding import Watch
from segkit.engine.infer import Predictor
from segkit.engine.turns import turn_at
from segkit.engine.volumes import VolumePredictor

Chunk = tuple[slice, torch.Tensor]


@dataclass(frozen=True)
class Ensemble:
    """Models of the same classes and images, each with its own preprocessing.

    Attributes:
        predictors: at least one; a single one predicts exactly as it does alone.
    """

    predictors: tuple[Predictor | VolumePredictor, ...]

    @property
    def task(self) -> Task:
        """What the first network was built for; the classes are everybody's."""
        return self.predictors[0].task

    @property
    def size(self) -> tuple[int, ...] | None:
        """The grid that images may be read at: everybody's working size; None where they are needed whole."""
        sizes = {predictor.size for predictor in self.predictors}
        whole = any(predictor.volumes for predictor in self.predictors)
        return None if whole or len(sizes) > 1 else sizes.pop()

    @property
    def volumes(self) -> bool:
        """Whether images are needed whole."""
        return self.size is None

    def agreement(self) -> Agreement | None:
        """Return what tells how far several models agree on an image; None of one."""
        if len(self.predictors) == 1:
            return None
        return Agreement(len(self.predictors), len(self.task.classes), overlapping=self.task.overlapping)

    def labels(
        self,
        image: np.ndarray,
        shape: tuple[int, ...] | None = None,
        spacing: Sequence[float] | None = None,
        watch: Watch | None = None,
        agreement: Agreement | None = None,
        shares: Callable[[torch.Tensor], None] | None = None,
    ) -> np.ndarray:
        """Return the label map (*S) uint8, or (classes, *S); arguments as of `Predictor.labels`.

        Args:
            watch: told of the scores of a single model; those of several are never made.
            agreement: told of the probabilities of each of several.
            shares: told of the mean probabilities of several.
        """
        if len(self.predictors) == 1:
            with turn_at(self.predictors[0].model):
                return self.predictors[0].labels(image, shape, spacing, watch)
        labels = np.empty(self.task.mask_shape(shape or image.shape[1:]), np.uint8)
        for planes, values in self.probabilities(image, shape, spacing, agreement):
            self.decode_into(labels, planes, values)
            if shares is not None:
                shares(values)
        return labels

    def decode_into(self, labels: np.ndarray, planes: slice, probabilities: torch.Tensor) -> None:
        """Decode what `probabilities` yields into a label map of the whole."""
        # A threshold that keeps a bound is one of a model alone: `segkit predict` refuses it among several.
        limit = threshold_of(self.predictors[0].calibration) if len(self.predictors) == 1 else None
        if limit is None:
            found = decode(probabilities, above=0.5, overlapping=self.task.overlapping)
        else:
            found = decode_share(probabilities, limit)
        first = 1 if self.task.overlapping else 0
        np.moveaxis(labels, first, 0)[planes] = np.moveaxis(found.cpu().numpy(), first, 0)

    def probabilities(
        self,
        image: np.ndarray,
        shape: tuple[int, ...] | None = None,
        spacing: Sequence[float] | None = None,
        agreement: Agreement | None = None,
    ) -> Iterator[Chunk]:
        """Yield mean probabilities, some planes of the first axis at a time.

        Args: as of `labels`.

        Yields:
            Which planes, and (K', n, *rest) float32: the foreground's for one class, else one per label.
        """
        yield from averaged([in_turns(predictor, image, shape, spacing) for predictor in self.predictors], agreement)


def in_turns(
    predictor: Predictor | VolumePredictor,
    image: np.ndarray,
    shape: tuple[int, ...] | None,
    spacing: Sequence[float] | None,
) -> Iterator[Chunk]:
    """Yield a predictor's probabilities, its network to be used by no other thread while a piece is computed."""
    pieces = predictor.probabilities(image, shape, spacing)
    while True:
        with turn_at(predictor.model):  # never held while the caller works: he may take the next one's
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


def averaged(streams: Sequence[Iterator[Chunk]], agreement: Agreement | None = None) -> Iterator[Chunk]:
    """Yield the mean of streams that cover the same planes in order, cut into different pieces.

    Args:
        agreement: told of the streams' pieces.
    """
    waiting: list[torch.Tensor | None] = [None] * len(streams)
    position = 0
    while True:
        for index, stream in enumerate(streams):
            if waiting[index] is None:
                waiting[index] = next((values for _, values in stream), None)
        parts = [part for part in waiting if part is not None]
        if len(parts) < len(streams):
            return
        count = min(part.shape[1] for part in parts)
        if agreement is not None:
            agreement.take([part[:, :count] for part in parts])
        total = torch.zeros_like(parts[0][:, :count])
        for part in parts:
            total += part[:, :count].to(total.device)
        yield slice(position, position + count), total / len(parts)
        position += count
        waiting = [part[:, count:] if part.shape[1] > count else None for part in parts]
