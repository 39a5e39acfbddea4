"""Which epoch is the best: by what the validation split says, a missed structure counting against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True)
class Figure:
    """One metric on the validation split.

    Attributes:
        mean: over cases and classes, of the finite values; NaN where there is none.
        n: how many those are.
        failed: how many values are failures, as `segkit.statistics.failures` has them; they are in no mean.
        distance: of a metric with a target, the mean of the finite values' distances from it, which the best epoch is
            chosen by; None where there is no target.
    """

    mean: float
    n: int = 1
    failed: int = 0
    distance: float | None = None

    def rank(self, higher_is_better: bool) -> tuple[int, float] | None:
        """What epochs are compared by, larger is better: fewer failures, then the mean; None where nothing is known.

        Were the failures left out, the epoch that misses all but one tumour could be the best by its distances.
        """
        if math.isnan(self.mean):
            return (-self.failed, -math.inf) if self.failed else None
        if self.distance is not None:
            return -self.failed, -self.distance
        return -self.failed, self.mean if higher_is_better else -self.mean


@dataclass(frozen=True)
class Validation:
    """What validation gave after an epoch.

    Attributes:
        figures: by name, such as "dice@store".
        cases: how many were scored, of `total`.
    """

    figures: Mapping[str, Figure]
    cases: int = 0
    total: int = 0

    def record(self) -> dict[str, Any]:
        """What history.jsonl says of it: the means, and what each stands on."""
        return {
            "val": {name: figure.mean for name, figure in self.figures.items()},
            "val_counts": {name: {"n": figure.n, "failed": figure.failed} for name, figure in self.figures.items()},
            "val_cases": {"scored": self.cases, "of": self.total},
        }


@dataclass
class Best:
    """The best epoch so far by the selection metric, 0 where there is none yet."""

    epoch: int = 0
    figure: Figure = field(default_factory=lambda: Figure(math.nan, 0))
    weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def beaten_by(self, figure: Figure, higher_is_better: bool) -> bool:
        """Whether a later epoch is better; of equal ones the first is kept."""
        new, old = figure.rank(higher_is_better), self.figure.rank(higher_is_better)
        return new is not None and (old is None or new > old)

    def described(self, name: str) -> str:
        """Say which weights these are."""
        failed = f", {self.figure.failed} of {self.figure.n + self.figure.failed} failed" if self.figure.failed else ""
        return f"epoch {self.epoch}, best val/{name}{failed}"
