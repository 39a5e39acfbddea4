"""Watch jobs until all have ended. What a run's directory says holds; the engine says what cannot be read there."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segkit.data.folders import locked_if_free
from segkit.engine.progress import JobRow, Progress
from segkit.engine.stop import Stopped
from segkit.errors import SegkitError
from segkit.jobs.launch.engine import Engine
from segkit.jobs.launch.job import Job
from segkit.rundir.claim import Claim

UNDER_WAY = ("waiting", "running")
PATIENCE = 600.0
"""Seconds for which an engine may not answer, as while SLURM's daemon is started again."""
GRACE = 60.0
"""Seconds that jobs of this machine get to save and stop."""
SHOWN = 15
"""Jobs that are shown one by one: what each has done is read from its files."""
ADOPTED = ""
"""In the place of an id: a process that writes the run, started by nobody knows whom."""


@dataclass
class Watch:
    """Jobs and where they are.

    Attributes:
        live: job -> what the engine calls it.
        failed: name and reason.
        seen: what was said of each job last.
        silent_since: when the engine first did not answer; None where it does.
    """

    jobs: Sequence[Job]
    engine: Engine
    progress: Progress
    live: dict[Job, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    silent_since: float | None = None

    def carry_out(self) -> dict[str, str]:
        """Submit what is to be done, watch it to its end, and return name and reason of the jobs that failed.

        Raises:
            SegkitError: the engine does not answer any more; the jobs may go on there.
            Stopped: by Ctrl-C or SIGTERM; jobs of an engine that goes on without this command go on.
        """
        queue = self.take_up()
        try:
            while queue or self.live:
                queue = self.submit(queue)
                if self.progress.shows_jobs:
                    self.show(len(queue))
                if self.live:
                    time.sleep(self.engine.pause)
                    self.look()
        except KeyboardInterrupt as stop:
            self.stop()
            raise stop if isinstance(stop, Stopped) else Stopped(signal.SIGINT) from None
        finally:
            self.progress.jobs([], {})
        return self.failed

    def take_up(self) -> list[Job]:
        """Find what is finished, and what a command before this submitted; returns what is left."""
        ids = {job: job.remembered(self.engine.name) for job in self.jobs if not job.finished}
        states = self.engine.states([id for id in ids.values() if id])
        queue = []
        for job in self.jobs:
            id = ids.get(job)
            if job not in ids:
                self.tell(job, "finished before")
            elif id and states[id] in UNDER_WAY:
                self.live[job] = id
                self.tell(job, f"{states[id]}, submitted before")
            elif job.written:
                self.live[job] = ADOPTED
                self.tell(job, "running, started before")
            else:
                queue.append(job)
        return queue

    def submit(self, queue: list[Job]) -> list[Job]:
        """Submit as many as may run; what cannot be prepared or submitted has failed. Returns what is left."""
        room = len(queue)
        if self.engine.at_once is not None and not self.engine.takes_all:
            room = max(0, self.engine.at_once - len(self.live))
        claims: dict[Job, Claim | None] = {}
        for job in queue[:room]:
            try:
                claims[job] = job.prepare()
            except (SegkitError, OSError) as error:
                self.fail(job, str(error))
        groups = [list(claims)] if self.engine.takes_all and claims else [[job] for job in claims]
        for group in groups:
            try:
                ids = self.engine.submit([(job.arguments, job.logs) for job in group])
            except SegkitError as error:
                for job in group:
                    self.fail(job, str(error))
                    if claim := claims[job]:
                        claim.take_back()
                continue
            # All of them first: one whose id cannot be written down is under way all the same.
            self.live.update(zip(group, ids, strict=True))
            for job in group:
                self.remember(job)
        return queue[room:]

    def remember(self, job: Job) -> None:
        """Write down what the engine calls a job, and tell of it."""
        try:
            job.remember(self.engine.name, self.live[job])
            self.tell(job, "submitted")
        except (SegkitError, OSError) as error:
            self.tell(job, f"submitted, and not written down: {error}")

    def look(self) -> None:
        """Ask where the live jobs are, and put away those that have ended."""
        try:
            states = self.engine.states([id for id in self.live.values() if id != ADOPTED])
            self.silent_since = None
        except SegkitError as error:
            self.be_patient(error)
            return
        for job, id in list(self.live.items()):
            state = states.get(id, "unknown")
            if state in UNDER_WAY or job.written:
                self.tell(job, state if state in UNDER_WAY else "running")
                continue
            del self.live[job]
            if job.finished:
                self.tell(job, "finished")
            else:
                self.fail(job, self.why(job, id))

    def be_patient(self, error: SegkitError) -> None:
        """Say once that the engine does not answer; raise that where it has not for too long."""
        now = time.monotonic()
        if self.silent_since is None:
            self.silent_since = now
            self.progress.message(f"{error.message}; asking again")
        elif now - self.silent_since > PATIENCE:
            raise SegkitError(error.message, "its jobs may go on; the same command takes them up again")

    def why(self, job: Job, id: str) -> str:
        """Say why a job failed: its own last error, what the engine says of it, or where to look."""
        words = []
        for ask in (job.last_word, lambda: self.engine.reason(id) if id != ADOPTED else ""):
            # A log that is none and an engine that has forgotten the job say nothing; where to look is said below.
            with contextlib.suppress(SegkitError):
                words.append(ask())
        if any(words):
            return "; ".join(filter(None, words))
        return f"it ended without a word; what it printed: {job.logs}"

    def stop(self) -> None:
        """End the jobs that do not go on without this command, and wait until they have saved."""
        if self.engine.goes_on:
            self.progress.message(f"{len(self.live)} jobs go on in {self.engine.name}; the same command takes them up")
            return
        own = {}
        for job, id in self.live.items():
            try:
                if id != ADOPTED:
                    self.engine.cancel(id)
                    own[job] = id
            except SegkitError as error:
                self.tell(job, f"not stopped: {error.message}")
        end = time.monotonic() + GRACE
        while (own := self.under_way(own)) and time.monotonic() < end:
            time.sleep(self.engine.pause)
        for job in own:
            self.tell(job, "still saving; the same command waits for it")

    def under_way(self, jobs: Mapping[Job, str]) -> dict[Job, str]:
        """Return those of some jobs that have not ended; none where the engine does not answer, which is said."""
        try:
            states = self.engine.states(list(jobs.values()))
        except SegkitError as error:
            self.progress.message(f"{error.message}; jobs may go on there")
            return {}
        return {job: id for job, id in jobs.items() if states[id] in UNDER_WAY}

    def fail(self, job: Job, reason: str) -> None:
        """Note that a job failed; the others go on."""
        self.failed[job.name] = reason
        self.tell(job, f"failed: {reason}")

    def tell(self, job: Job, news: str) -> None:
        """Say of a job what was not said of it yet."""
        if self.seen.get(job.name) != news:
            self.seen[job.name] = news
            self.progress.message(f"[{self.jobs.index(job) + 1}/{len(self.jobs)}] {job.name}: {news}")

    def show(self, queued: int) -> None:
        """Show where all jobs are: those under way one by one, the others as counts."""
        shown = sorted(self.live, key=lambda job: self.seen[job.name] != "running")[:SHOWN]
        rows = [JobRow(job.name, self.seen[job.name], job.details) for job in shown]
        ended = len(self.jobs) - len(self.live) - len(self.failed) - queued
        counts = {"finished": ended, "failed": len(self.failed), "under way": len(self.live), "not submitted": queued}
        self.progress.jobs(rows, counts)


def carry_out(jobs: Sequence[Job], engine: Engine, place: Path, progress: Progress) -> dict[str, str]:
    """Carry out jobs, one command at a time for a place; returns name and reason of those that failed.

    Args:
        place: a folder of this command's own; its lock lies beside it.

    Raises:
        SegkitError: another command watches the jobs of this place, or the engine does not answer.
        Stopped: by Ctrl-C or SIGTERM.
    """
    place.mkdir(parents=True, exist_ok=True)
    with locked_if_free(place / "jobs") as alone:
        if not alone:
            raise SegkitError(f"another command watches the jobs of {place.parent}", "wait until it ends, or stop it")
        failed = Watch(jobs, engine, progress).carry_out()
    try:
        engine.close()
    except SegkitError as error:  # what the jobs have made is there all the same
        progress.message(f"{error}")
    return failed
