"""What the stages of a job share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from segkit.data.leaks import Leak
from segkit.engine.clock import OFF, Clock
from segkit.engine.distributed import ALONE, Ranks
from segkit.engine.groups import Learning
from segkit.engine.progress import Progress
from segkit.engine.schedule import EVERYTHING
from segkit.engine.stop import StopRequest
from segkit.jobs.events import Events
from segkit.jobs.start import Started
from segkit.planning.build import BuiltComponents
from segkit.planning.plan import Plan
from segkit.rundir.claim import Claim
from segkit.rundir.resume import Resume


@dataclass
class Job:
    """A plan under way.

    Attributes:
        folder: the run's directory, once there is one.
        claim: of a new run's directory; None where a run is gone on with.
        workers: threads that prepare data.
        seconds: by stage, over every process that the run has had.
        under_way: the stage that is being timed, and when it began.
        events: tells plugins what happens.
        held: what is let go, in turn, when the run ends.
        ranks: this process among those that share the run.
        leaks: images that are in two splits.
        seen: ids of scored cases that the weights which the run started from were trained on; None where that is not
            known.
        learning: which parameters learn how fast.
        started: what the weights are from that the run started with; None where they are its architecture's own, or
            where a run is gone on with.
        clock: where time goes in detail, where that was asked for.
    """

    plan: Plan
    parts: BuiltComponents
    device: torch.device
    workers: int
    progress: Progress
    stop: StopRequest
    resume: Resume | None
    folder: Path = field(init=False)
    claim: Claim | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    under_way: tuple[str, float] | None = None
    events: Events = field(default_factory=Events)
    held: ExitStack = field(default_factory=ExitStack)
    ranks: Ranks = ALONE
    leaks: tuple[Leak, ...] = ()
    seen: Sequence[str] | None = ()
    learning: Learning = EVERYTHING
    started: Started | None = None
    clock: Clock = OFF

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes."""
        self.under_way = stage, time.perf_counter()
        with self.clock(stage):
            yield
        self.seconds, self.under_way = self.spent(), None

    def spent(self) -> dict[str, float]:
        """Seconds by stage, those of the stage under way included."""
        if self.under_way is None:
            return dict(self.seconds)
        stage, start = self.under_way
        return {**self.seconds, stage: self.seconds.get(stage, 0.0) + time.perf_counter() - start}

    def add_spent(self, before: Mapping[str, float]) -> None:
        """Count what the processes before this one took, so that a resume does not make a run look cheap (issue 16)."""
        for stage, seconds in before.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
