"""Launchers: a command line is run elsewhere, its state told in five words, and cancelled."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.subjects import ComponentSubject

STATES = ("waiting", "running", "finished", "failed", "unknown")
OVER = ("finished", "failed")
PATIENCE = 25.0
"""Seconds in which a command of a moment has to be over."""
PAUSE = 0.1


@contextmanager
def launched(subject: ComponentSubject, program: str) -> Iterator[tuple[Any, str, Path]]:
    """Submit a Python program; yields launcher, id and folder. Whatever comes, the job is cancelled."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        try:
            launcher = subject.factory(subject.params)
            job = launcher.submit([sys.executable, "-c", program], folder)
        except SegkitError as error:
            # Its engine is not on this machine, and it says so.
            raise NotChecked(f"it cannot submit here: {error.message}") from None
        try:
            yield launcher, job, folder
        finally:
            if isinstance(job, str):
                launcher.cancel(job)
            if callable(getattr(launcher, "close", None)):
                launcher.close()


def ended(launcher: Any, job: str, patience: float = PATIENCE) -> str:
    """Wait until a job is over; returns its last state."""
    until = time.monotonic() + patience
    while True:
        state = launcher.state(job)
        if state not in STATES:
            fail(f"the state of a job is {state!r}", f"answer one of {', '.join(STATES)}")
        if state in OVER or time.monotonic() > until:
            return str(state)
        time.sleep(PAUSE)


@check("launcher", "runs", needs=["resolves"], raised="the command line is a list of texts: hand it on as it is")
def runs(subject: ComponentSubject) -> None:
    """A command line is run as it is given, in this directory; its id is text, and its state ends as finished."""
    program = "import os, pathlib, sys; print(os.getcwd(), 'said: a b')"
    with launched(subject, program) as (launcher, job, folder):
        if not isinstance(job, str) or not job:
            fail(f"submit returned {job!r}", "return the job's id as text")
        state = ended(launcher, job)
        if state != "finished":
            fail(f"a command that ends well is {state!r} after {PATIENCE:g} s", "take exit code 0 for finished")
        log = folder / "job.log"
        said = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        if "said: a b" not in said:
            fail("what the job printed is not in job.log", "send output and errors to folder / 'job.log'")
        if str(Path.cwd()) not in said:
            fail("it was run in another directory", "run it in the current directory")


@check("launcher", "fails", needs=["runs"])
def fails(subject: ComponentSubject) -> None:
    """A command that ends with another exit code than 0 is "failed"."""
    with launched(subject, "import sys; sys.exit(3)") as (launcher, job, _):
        state = ended(launcher, job)
        if state != "failed":
            fail(f"a command that ends with exit code 3 is {state!r}", "look at the exit code")


@check("launcher", "another-command", needs=["runs"])
def another_command(subject: ComponentSubject) -> None:
    """An id outlives the launcher that gave it: another one, made later, knows the job's state."""
    with launched(subject, "print(1)") as (launcher, job, _):
        ended(launcher, job)
        state = subject.factory(subject.params).state(job)
        if state != "finished":
            fail(f"another launcher says {state!r} of a job that is over", "keep the state on disk or ask the engine")


@check("launcher", "strange-id", needs=["resolves"], raised='answer "unknown" of what is not known')
def strange_id(subject: ComponentSubject) -> None:
    """Of an id that it never gave it says "unknown", or "failed", and cancelling that does nothing."""
    try:
        launcher = subject.factory(subject.params)
        state = launcher.state("999999999")
        launcher.cancel("999999999")
    except SegkitError as error:
        raise NotChecked(f"it cannot ask here: {error.message}") from None
    if state not in ("unknown", "failed"):
        fail(f"a job that never was is {state!r}", 'answer "unknown": the core then looks at the directory')


@check("launcher", "cancels", needs=["runs"])
def cancels(subject: ComponentSubject) -> None:
    """A job that is cancelled is over soon, and not finished."""
    with launched(subject, "import time; time.sleep(120)") as (launcher, job, _):
        if launcher.state(job) in OVER:
            fail("a job that sleeps for two minutes is over at once", "tell how the job is, not how submitting was")
        launcher.cancel(job)
        state = ended(launcher, job)
        if state == "finished":
            fail("a job that was cancelled is finished", 'answer "failed" of what did not come to its end')
        if state in ("waiting", "running"):
            fail(f"{PATIENCE:g} s after it was cancelled it is {state!r}", "end the job, its children too")
