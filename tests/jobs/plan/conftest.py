"""Plans of the toy plugin's data, measured in the tests' own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.jobs.plan.bench import InProcess
from segkit.jobs.plan.budget import Budget
from segkit.jobs.plan.compose import Planner
from segkit.jobs.plan.planned import Planned


class Told(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def planned(
    toy_registry: Registry, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Planned]:
    """Plan `--arch --data` of the toy plugin with settings written as section__field=value."""
    monkeypatch.setattr("segkit.jobs.plan.bench.FEW", (2, 0.0))
    monkeypatch.setattr("segkit.jobs.plan.bench.MANY", (2, 0.0))

    def call(arch: str, data: str, *, memory: int | None = None, seconds: float = 600, **values: object) -> Planned:
        flags = {name.replace("__", "."): value for name, value in values.items()}
        given = [Layer("flag", {"components.arch": arch, "components.data": data, "run.device": "cpu", **flags})]
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        bench = InProcess(given, scratch, toy_registry)
        return Planner(given, toy_registry, Budget(memory, seconds), bench, told).plan()

    return call
