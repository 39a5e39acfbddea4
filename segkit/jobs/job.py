"""What the stages of a job share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from segkit.data.leaks import Leak
from segkit.engine.clock import OFF, Clock
from segkit.engine.distributed import ALONE, Ranks
from segkit.engine.progress import Progress
from segkit.engine.stop import StopRequest
from segkit.jobs.events import Events
from segkit.planning.build import BuiltComponents
from segkit.planning.plan import Plan
from segkit.rundir.resume import Resume


@dataclass
class Job:
    """A plan under way.

    Attributes:
        workers: threads that prepare data.
        seconds: by stage.
        events: tells plugins what happens.
        ranks: this process among those that share the run.
        leaks: images that are in two splits.
        clock: where time goes in detail, where that was asked for.
    """

    plan: Plan
    parts: BuiltComponents
    folder: Path
    device: torch.device
    workers: int
    progress: Progress
    stop: StopRequest
    resume: Resume | None
    seconds: dict[str, float] = field(default_factory=dict)
    events: Events = field(default_factory=Events)
    ranks: Ranks = ALONE
    leaks: tuple[Leak, ...] = ()
    clock: Clock = OFF

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes."""
        start = time.perf_counter()
        with self.clock(stage):
            yield
        self.seconds[stage] = time.perf_counter() - start
