"""How the minutes of a run are spent: its start, its store, training, validation, scoring, the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from segkit.config import Config
from segkit.jobs.plan.planned import Forecast
from segkit.jobs.plan.probed import Probed

START = 15.0
"""Seconds for what comes before the first case and after the last: libraries, the page, its pictures."""
RESERVE = 0.05
"""Share of the minutes that is kept back: no two minutes of a machine are alike."""
MOST_STEPS = 250_000
"""More are never planned: nnU-Net takes as many (Isensee et al. 2021)."""


@dataclass(frozen=True)
class Duration:
    """The minutes of a run.

    Attributes:
        seconds: of all.
        counts: cases by split.
        scored: the split that is scored.
        reading: seconds to read a case.
    """

    seconds: float
    counts: Mapping[str, int]
    scored: str
    config: Config
    reading: float
    workers: int

    def epoch_steps(self, probed: Probed) -> int:
        """Steps of one epoch."""
        samples = self.counts["train"] * probed.samples
        return max(1, math.ceil(round(samples) / self.config.train.batch_size))

    def epoch_seconds(self, probed: Probed) -> float:
        """Seconds of one epoch, its validation included."""
        validated = self.counts.get("val", 0)
        if self.config.data.mode in ("slices", "slab", "patches"):
            validated = min(validated, self.config.evaluate.validation_cases)
        return self.epoch_steps(probed) * probed.seconds + validated * probed.validate

    def around(self, probed: Probed) -> float:
        """Seconds before the first step and after the last."""
        stored = (self.counts["train"] + self.counts.get("val", 0)) * self.reading
        scored = self.counts.get(self.scored, 0) * (probed.predict or probed.validate + self.reading)
        return START + stored + scored

    def epochs(self, probed: Probed) -> float:
        """Epochs that the minutes leave time for."""
        left = self.seconds * (1 - RESERVE) - self.around(probed)
        most = MOST_STEPS / self.epoch_steps(probed)
        return min(most, max(0.0, left / self.epoch_seconds(probed)))

    def steps(self, probed: Probed) -> float:
        """Steps that the minutes leave time for."""
        return self.epochs(probed) * self.epoch_steps(probed)

    def whole_epochs(self, probed: Probed) -> int:
        """Epochs to train."""
        return max(1, math.floor(self.epochs(probed)))

    def forecast(self, probed: Probed, epochs: int | None = None) -> Forecast:
        """Return what a run is going to take; of so many epochs where the user has said how many."""
        epochs = epochs or self.whole_epochs(probed)
        return Forecast(
            probed.seconds,
            probed.memory,
            epochs * self.epoch_steps(probed),
            self.around(probed) + epochs * self.epoch_seconds(probed),
        )
