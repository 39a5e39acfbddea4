"""Commands over the toy plugin, carried out in the tests' own process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import main
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.jobs.run import RunResult, run_job
from segkit.planning.plan import Plan, make_plan
from segkit.rundir.resume import Resume, open_run


class Stopping(Progress):
    """Stops a run in the middle of an epoch."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def advance(self, count: int = 1, figures: object = None) -> None:
        """Count steps."""
        if figures is not None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def sha(result: RunResult) -> str:
    """The hash of a run's model file."""
    return hashlib.sha256((result.folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture
def same_when_resumed(tmp_path: Path) -> Callable[..., tuple[RunResult, Resume]]:
    """A run that is stopped within an epoch and resumed with other workers: the undisturbed run's file.

    Given a function that plans the run by settings, the registry, and after how many steps it is stopped; returns the
    undisturbed run, and what the stopped one was opened with.
    """

    def check(plan_of: Callable[..., Plan], registry: Registry, after: int = 3) -> tuple[RunResult, Resume]:
        whole = run_job(plan_of(run__output=str(tmp_path / "whole"), run__workers=0), None, Progress())
        part = tmp_path / "part"
        with pytest.raises(KeyboardInterrupt):
            run_job(plan_of(run__output=str(part), run__save_minutes=0, run__workers=2), None, Stopping(after))
        stopped = open_run(part)
        resumed = run_job(make_plan([stopped.config], registry, {}), part, Progress(), stopped)
        assert sha(resumed) == sha(whole)
        return whole, stopped

    return check


@pytest.fixture
def segkit(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Call `segkit ARGS` with the toy plugin alone; the report is an empty page."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr(
        "segkit.jobs.run.write_report", lambda folder, *_, **__: Path(folder, "report.html").write_text("")
    )

    def call(*args: str, code: int = 0) -> Result:
        done = CliRunner().invoke(main, list(args))
        assert done.exit_code == code, done.output + repr(done.exception)
        return done

    return call
