"""One trial: a run that is trained, and what the validation split says of it after every epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segkit.contracts import Trial
from segkit.engine.memory import out_of_memory
from segkit.engine.progress import Progress
from segkit.engine.stop import Stopped
from segkit.errors import SegkitError, one_line
from segkit.files import read_lines
from segkit.jobs.events import Events
from segkit.jobs.run import remove_state, run_job
from segkit.jobs.sweep.search import Search
from segkit.jobs.sweep.study import FAILED, FINISHED, PRUNED
from segkit.planning.plan import Plan
from segkit.rundir.names import CONFIG, HISTORY
from segkit.rundir.resume import open_run
from segkit.rundir.stage import Stage, standing_of

PER_FAILURE = 1e6
"""What a score is worse by for each case that has no finite one: any epoch with fewer of them is better."""


class Pruned(Stopped):
    """The searcher expects nothing of the trial any more."""

    def __init__(self) -> None:
        KeyboardInterrupt.__init__(self, "stopped early: others were better at this epoch")
        self.exit_code = 0


class TrialProgress(Progress):
    """Shows a trial as any run, and tells the searcher of every epoch.

    Args:
        shown: what people see.
        told: what was said of the sweep's trials so far: each run says much that the one before it said.
        figure: the validated figure that counts, such as "dice@store".
    """

    def __init__(
        self, shown: Progress, figure: str, higher: bool, search: Search, number: int, told: set[str] | None = None
    ) -> None:
        self.shown, self.figure, self.higher = shown, figure, higher
        self.search, self.number = search, number
        self.told = set() if told is None else told
        self.scores: list[float | None] = []

    def message(self, text: str) -> None:
        """Say what no trial before said."""
        if text not in self.told:
            self.told.add(text)
            self.shown.message(text)

    def start(self, stage: str, total: int, unit: str) -> None:
        """Show the stage."""
        self.shown.start(stage, total, unit)

    def start_epoch(self, epoch: int, epochs: int, steps: int) -> None:
        """Show the epoch as a stage: the time left is the trial's own."""
        self.shown.start(f"trial {self.number}, epoch {epoch}/{epochs}", steps, "steps")

    def advance(self, count: int = 1, details: Mapping[str, float] | None = None) -> None:
        """Show what is done."""
        self.shown.advance(count, details)

    def finish(self) -> None:
        """End the stage."""
        self.shown.finish()

    def epoch(self, record: Mapping[str, Any], epochs: int) -> None:
        """Keep the epoch's score; raises Pruned where the searcher says so before the last one."""
        del self.scores[int(record["epoch"]) - 1 :]
        self.scores.append(score_of(record, self.figure, higher=self.higher))
        if record["epoch"] < epochs and self.search.prunes(self.number, self.scores):
            raise Pruned


def score_of(record: Mapping[str, Any], figure: str, *, higher: bool) -> float | None:
    """What an epoch's line says, cases without a finite score far worse than any other; None where it says nothing."""
    mean = record.get("val", {}).get(figure)
    failed = record.get("val_counts", {}).get(figure, {}).get("failed", 0)
    if mean is None and not failed:
        return None
    worse = PER_FAILURE * float(failed)
    return float(mean or 0.0) - (worse if higher else -worse)


def carry_out_trial(trial: Trial, plan: Plan, place: Path, progress: TrialProgress, events: Events) -> Trial:
    """Train a trial's run, or go on with it; returns it with its score.

    Raises:
        SegkitError: of the disk, which would fail every trial.
        Stopped: by Ctrl-C or SIGTERM.
    """
    reason, state = "", FINISHED
    progress.scores = past_scores(place, progress)
    try:
        standing = standing_of(place)
        if standing.stage not in (Stage.TRAINED, Stage.SCORED, Stage.FINISHED):
            resume = open_run(place) if (place / CONFIG).exists() else None
            run_job(plan, place, progress, resume, only_train=True, events=events)
        remove_state(place, progress.shown.message)
    except Pruned as pruned:
        reason, state = str(pruned), PRUNED
    except Exception as error:  # of the run, of its components, or of the memory
        if isinstance(error, OSError) or isinstance(error.__cause__, OSError):
            raise
        reason, state = why(error), FAILED
    known = [score for score in progress.scores if score is not None]
    best = (max if progress.higher else min)(known, default=None)
    if best is None and state == FINISHED:
        reason, state = f"no epoch has a {progress.figure}", FAILED
    return replace(trial, state=state, score=best, scores=tuple(progress.scores), reason=reason)


def past_scores(place: Path, progress: TrialProgress) -> list[float | None]:
    """What the epochs gave that a run has behind it."""
    lines: Sequence[Mapping[str, Any]] = read_lines(place / HISTORY, absent="")
    return [score_of(record, progress.figure, higher=progress.higher) for record in lines]


def why(error: Exception) -> str:
    """Say in one line why a trial failed."""
    if isinstance(error, SegkitError):
        return str(error)
    return "it does not fit into memory" if out_of_memory(error) else one_line(f"{type(error).__name__}: {error}")
