"""Jobs whose engine is a stand-in: a run ends by a copy of a finished one appearing in its directory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.errors import SegkitError
from segkit.jobs.launch.job import LOG, Job, RunJob
from segkit.planning.plan import make_plan


class Told(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        """Keep a line."""
        self.lines.append(text)


class StandIn:
    """A launcher whose jobs end at the second look; "bad" ones fail with a word, "killed" ones without."""

    pause = 0.0

    def __init__(self, finished: Path) -> None:
        self.finished = finished
        self.looks: dict[str, int] = {}
        self.most = 0
        self.cancelled: list[str] = []

    def submit(self, arguments: Sequence[str], folder: Path) -> str:
        """Take in a job."""
        run = arguments[arguments.index("--resume") + 1]
        self.looks[run] = 0
        self.most = max(self.most, sum(looks < 2 for looks in self.looks.values()))
        return run

    def state(self, id: str) -> str:
        """Say "running" once, and then how it ended."""
        if id not in self.looks:
            return "unknown"
        self.looks[id] += 1
        if self.looks[id] < 2:
            return "running"
        run = Path(id)
        if run.name.startswith("bad"):
            (run.parents[1] / "logs" / run.name / LOG).write_text("epoch 1/3\nerror: no such case; look again\nbye\n")
        elif not run.name.startswith("killed"):
            shutil.copytree(self.finished, run, dirs_exist_ok=True)
            return "finished"
        return "failed"

    def reason(self, id: str) -> str:
        """What an engine says of a job that it killed."""
        return "OUT_OF_MEMORY" if Path(id).name.startswith("killed") else ""

    def cancel(self, id: str) -> None:
        """Note it."""
        self.cancelled.append(id)


@pytest.fixture
def jobs_named(toy_registry: Registry, tmp_path: Path) -> Callable[..., list[Job]]:
    """Make jobs by name, all of the toy's run."""
    values = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "train.epochs": 1}
    plan = make_plan([Layer("flag", values)], toy_registry, {})

    def make(*names: str) -> list[Job]:
        return [RunJob(name, tmp_path / "runs" / name, tmp_path / "logs" / name, plan) for name in names]

    return make


@pytest.fixture
def stand_in(trained_toy: Path) -> StandIn:
    """The launcher."""
    return StandIn(trained_toy)


class Silent(StandIn):
    """A launcher whose engine does not answer the first few times."""

    silences = 3

    def state(self, id: str) -> str:
        """Raise at first."""
        if self.silences:
            self.silences -= 1
            raise SegkitError("launcher stand-in: slurmctld does not answer", "wait")
        return super().state(id)
