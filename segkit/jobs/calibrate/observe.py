"""What calibration asks of a case: some pixels' scores, how its foreground is spread over probabilities, its Dice."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch

from segkit.contracts import IGNORE
from segkit.data.case import Case, Sample
from segkit.engine.agreement import Agreement
from segkit.engine.calibration import foreground_odds
from segkit.engine.ensemble import Ensemble
from segkit.engine.expected import ExpectedDice, copies_of, dice_of
from segkit.engine.feeding import Block
from segkit.engine.infer import Predictor
from segkit.engine.memory import enough_memory
from segkit.engine.progress import Progress
from segkit.engine.scoring import read_ahead
from segkit.engine.volumes import VolumePredictor
from segkit.errors import SegkitError
from segkit.jobs.calibrate.trust import Signs
from segkit.planning.plan import Plan
from segkit.statistics.risk import THRESHOLDS

Looked = TypeVar("Looked")
DRAWN = 20_000
"""Pixels of a case whose scores are kept: a temperature of 30 cases then stands on 600,000 of them."""


@dataclass(frozen=True)
class Observed:
    """One case.

    Attributes:
        scores: float64 (pixels, K) of some pixels drawn evenly, as the network gives them.
        truth: (pixels,) their labels in the mask.
        foreground: int64 (thresholds,): pixels of the mask's foreground by their probability of foreground.
        signs: what it says of itself, and its Dice.
    """

    case: str
    scores: np.ndarray
    truth: np.ndarray
    foreground: np.ndarray
    signs: Signs


def observe(
    plan: Plan,
    cases: Sequence[Case],
    predictor: Predictor | VolumePredictor,
    workers: int,
    progress: Progress,
    what: str,
) -> list[Observed]:
    """Predict cases and note what calibration asks of each, in the order of their ids.

    Raises:
        SegkitError: a case cannot be read or has no mask.
    """

    def look(case: Case, sample: Sample, mask: np.ndarray) -> Observed:
        watch = Watcher(case.id, mask, len(plan.task.classes), predictor)
        agreement = copies_of(predictor)
        telling = predictor if agreement is None else replace(predictor, copies=agreement.take_labels)
        labels = telling.labels(sample.image, sample.shape, sample.spacing, watch.take)
        signs = signs_of(case, watch.expected, agreement, labels, mask)
        return Observed(case.id, *watch.drawn(), watch.foreground, signs)

    return each_case(plan, cases, predictor, workers, progress, what, look)


def observe_together(
    plan: Plan, cases: Sequence[Case], ensemble: Ensemble, workers: int, progress: Progress, what: str
) -> list[Signs]:
    """Predict cases with several models and note what they say together, in the order of their ids.

    Raises:
        SegkitError: a case cannot be read or has no mask.
    """

    def look(case: Case, sample: Sample, mask: np.ndarray) -> Signs:
        expected, agreement = ExpectedDice(len(plan.task.classes)), ensemble.agreement()
        labels = ensemble.labels(
            sample.image, sample.shape, sample.spacing, agreement=agreement, shares=expected.take_probabilities
        )
        return signs_of(case, expected, agreement, labels, mask)

    return each_case(plan, cases, ensemble, workers, progress, what, look)


def each_case(
    plan: Plan,
    cases: Sequence[Case],
    predictor: Predictor | VolumePredictor | Ensemble,
    workers: int,
    progress: Progress,
    what: str,
    look: Callable[[Case, Sample, np.ndarray], Looked],
) -> list[Looked]:
    """Read cases as a predictor takes them and look at each with its mask, in the order of their ids."""
    ordered = sorted(cases, key=lambda case: case.id)
    found = []
    progress.start(what, len(ordered), "cases")
    with closing(read_ahead(plan.reader, ordered, predictor, plan.data.full_name, min(1, workers))) as samples:
        for case, sample in zip(ordered, samples, strict=True):
            if sample.mask is None:
                raise SegkitError(f"case {case.id} has no mask", "calibrate on a split whose cases all have one")
            with enough_memory(f"case {case.id}"):
                try:
                    found.append(look(case, sample, sample.mask))
                except SegkitError as error:
                    raise error.of(f"case {case.id}") from None
            progress.advance()
    progress.finish()
    return found


def signs_of(
    case: Case, expected: ExpectedDice, agreement: Agreement | None, labels: np.ndarray, mask: np.ndarray
) -> Signs:
    """Return what a predicted case says of itself."""
    agreed = None if agreement is None else agreement.value() or 0.0
    return Signs(case.group, expected.value(), agreed, dice_of(labels, mask, len(expected.pixels)))


class Watcher:
    """Looks at the blocks of one case."""

    def __init__(self, case: str, mask: np.ndarray, classes: int, predictor: Predictor | VolumePredictor) -> None:
        self.mask = mask
        threshold = predictor.calibration.threshold if predictor.calibration else None
        self.expected = ExpectedDice(classes, threshold)
        self.foreground = np.zeros(len(THRESHOLDS), np.int64)
        self._rate = DRAWN / max(int(np.count_nonzero(mask != IGNORE)), 1)
        # The same pixels whatever the other cases are; the digest is the same in every process.
        self._draw = np.random.default_rng(zlib.crc32(case.encode()))
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []

    def take(self, block: Block, scores: torch.Tensor) -> None:
        """Look at a block of calibrated scores (K, *block)."""
        self.expected.take(block, scores)
        mask = self.mask[block]
        inside = (mask != IGNORE) & (mask != 0)
        if inside.any():
            odds = foreground_odds(scores)[torch.from_numpy(inside).to(scores.device)].double().cpu().numpy()
            share = 1 / (1 + np.exp(-odds))
            place = np.searchsorted(THRESHOLDS, share, side="right") - 1
            self.foreground += np.bincount(np.maximum(place, 0), minlength=len(THRESHOLDS))
        picked = (mask != IGNORE) & (self._draw.random(mask.shape) < self._rate)
        rows = scores.reshape(len(scores), -1)[:, torch.from_numpy(picked.ravel()).to(scores.device)]
        self._parts.append((rows.T.double().cpu().numpy(), mask[picked].astype(np.int64)))

    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the drawn scores and their labels."""
        scores, truth = zip(*self._parts, strict=True)
        return np.concatenate(scores), np.concatenate(truth)
