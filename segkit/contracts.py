"""What components and core hand to each other while a model is trained and scored (no torch, no numpy at import)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

IGNORE = 255
"""The label of pixels that take no part in losses, counts or distances."""


@dataclass(frozen=True)
class Outputs:
    """What a network may return in train mode: several logits, the main one first.

    Attributes:
        logits: each (N, K, *S_i); coarse ones are compared with the mask taken by nearest neighbour.
        weights: one factor per entry of `logits`.
    """

    logits: Sequence[torch.Tensor]
    weights: Sequence[float]

    def __post_init__(self) -> None:
        if not self.logits or len(self.logits) != len(self.weights):
            raise ValueError(f"Outputs has {len(self.logits)} logits and {len(self.weights)} weights")


@dataclass(frozen=True)
class Measurement:
    """What a metric measured on one case, per foreground class.

    Attributes:
        true_positive, false_positive, false_negative, true_negative: int64 arrays (classes,), in pixels or voxels;
            ignored ones (255) are in none of them.
        shape: the case's own grid.
        spacing: mm per voxel and axis, None for photographs.
        distances: further measurements by name, each one float64 array per class (such as the distance in mm of every
            edge voxel). A mapping may measure a name when it is first asked for and keep it, so that metrics which need
            no distances cost none; the names are between a measure function and its metrics. The core reads none.
        sums: what a metric that `needs="probabilities"` has added up over the case, by name: int64 or float64 arrays
            whose shapes depend on task and options alone. The core adds them over cases where scores are pooled.
    """

    true_positive: np.ndarray
    false_positive: np.ndarray
    false_negative: np.ndarray
    true_negative: np.ndarray
    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None = None
    distances: Mapping[str, Sequence[np.ndarray]] = field(default_factory=dict)
    sums: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def reference(self) -> np.ndarray:
        """Pixels of each class in the reference mask, int64 (classes,)."""
        total: np.ndarray = self.true_positive + self.false_negative
        return total

    @property
    def predicted(self) -> np.ndarray:
        """Pixels of each class in the prediction, int64 (classes,)."""
        total: np.ndarray = self.true_positive + self.false_positive
        return total


@dataclass(frozen=True)
class RunInfo:
    """The run that an event is of.

    Attributes:
        folder: the run's directory, there already.
        config: every setting by dotted name, such as {"train.epochs": 20}.
        parameters: number of the model's parameters.
        device: what it is trained on, such as "cpu" or "cuda:0".
        resumed: whether it goes on where it was stopped.
    """

    folder: Path
    config: Mapping[str, Any]
    parameters: int
    device: str
    resumed: bool = False


@dataclass(frozen=True)
class SectionContent:
    """What a plugin's section of a run's page shows; all of it is escaped.

    Attributes:
        paragraphs: of text.
        columns: heads of a table, and its rows below them.
        pictures: each a sentence that says what it shows, and a PNG file's bytes.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    pictures: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True)
class SearchedSetting:
    """A setting that a sweep looks for a value of: one of several, or a number between two.

    Attributes:
        name: dotted, such as "train.learning_rate".
        choices: the values, as text; empty of a range.
        low, high: the ends of a range, both of them values too.
        log: whether orders of magnitude are alike.
        whole: whether it takes whole numbers only.
    """

    name: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class StudyInfo:
    """What a searcher is to look for.

    Attributes:
        folder: of the sweep, which all of its processes share.
        name: of the sweep.
        higher_is_better: whether large scores are.
        seed: of whatever it draws: with it and the trials so far a suggestion can be repeated.
    """

    folder: Path
    name: str
    settings: tuple[SearchedSetting, ...]
    higher_is_better: bool
    seed: int


@dataclass(frozen=True)
class Trial:
    """A try of a sweep.

    Attributes:
        number: counted from 0.
        values: by setting, as text.
        state: "running", "finished", "pruned" (stopped early), "failed".
        score: of its best epoch on the validation split; None where there is none.
        scores: of each epoch so far.
    """

    number: int
    values: Mapping[str, str]
    state: str = "running"
    score: float | None = None
    scores: tuple[float | None, ...] = ()
    reason: str = ""
