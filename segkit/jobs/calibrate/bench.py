"""Where a model's cases are looked at and scored, and which of them are shown what was fitted to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segkit.data.case import Case
from segkit.engine.calibration import Calibration
from segkit.engine.ensemble import Ensemble
from segkit.engine.infer import Predictor
from segkit.engine.measure import CaseScores, ChosenMetric
from segkit.engine.progress import Progress
from segkit.engine.scoring import score_cases
from segkit.engine.summary import POOLED, score_rows
from segkit.engine.volumes import VolumePredictor
from segkit.jobs.calibrate.observe import Observed, observe, observe_together
from segkit.jobs.calibrate.trust import Signs
from segkit.planning.plan import Plan

AnyPredictor = Predictor | VolumePredictor


@dataclass(frozen=True)
class Part:
    """Cases that are shown what was fitted to others.

    Attributes:
        calibration: what was fitted; None where nothing was.
    """

    shown: Sequence[Case]
    fitted: Sequence[Case]
    calibration: Calibration | None


@dataclass(frozen=True)
class Bench:
    """Where cases are looked at and scored."""

    plan: Plan
    metrics: Sequence[ChosenMetric]
    workers: int
    progress: Progress

    def observe(self, cases: Sequence[Case], predictor: AnyPredictor, what: str) -> list[Observed]:
        """Look at cases as `segkit.jobs.calibrate.observe` does."""
        return observe(self.plan, cases, predictor, self.workers, self.progress, what)

    def observe_together(self, cases: Sequence[Case], ensemble: Ensemble, what: str) -> list[Signs]:
        """Look at cases with several models as `segkit.jobs.calibrate.observe` does."""
        return observe_together(self.plan, cases, ensemble, self.workers, self.progress, what)

    def score(self, cases: Sequence[Case], predictor: AnyPredictor) -> list[CaseScores]:
        """Score cases on their own grid."""
        return score_cases(
            self.plan.reader,
            self.plan.data.full_name,
            cases,
            predictor,
            self.metrics,
            predictions=None,
            workers=self.workers,
            progress=self.progress,
        )

    def rows(self, scores: Sequence[CaseScores]) -> list[dict[str, Any]]:
        """Summarise scores, pooled over cases: one case has few errors."""
        return score_rows(sorted(scores, key=lambda row: row.case), self.plan.task, self.metrics, (POOLED,))


def halved(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Deal cases into two halves by the order of their ids, the cases of a patient into one."""
    halves: tuple[list[Case], list[Case]] = ([], [])
    where: dict[str, int] = {}
    for case in sorted(cases, key=lambda case: case.id):
        smaller = 0 if len(halves[0]) <= len(halves[1]) else 1
        halves[where.setdefault(case.group or f"/{case.id}", smaller)].append(case)
    return halves
