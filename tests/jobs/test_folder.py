"""The directory of a run as its job holds it: taken back before training, kept from there on."""

from __future__ import annotations

import json
import signal
import tomllib
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.stop import Stopped
from segkit.errors import SegkitError
from segkit.jobs import folder as module
from segkit.jobs.folder import begin_training, environment, held_folder, run_info
from segkit.planning.plan import make_plan
from segkit.rundir.lock import is_being_written
from segkit.rundir.names import START
from segkit.rundir.resume import open_run
from segkit.version import __version__


class Heard:
    """What plugins would hear."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def during(self, info: object) -> ExitStack:
        """Note it."""
        self.told.append(info)
        return ExitStack()


def make_job(registry: Registry, *, leads: bool = True, count: int = 1, **values: object) -> SimpleNamespace:
    """A job of the toy plugin, as far as its directory goes."""
    flags = {"components.arch": "net", "components.data": "squares", **values}
    plan = make_plan([Layer("flag", flags)], registry, {})
    return SimpleNamespace(
        plan=plan,
        device=torch.device("cpu"),
        resume=None,
        claim=None,
        started=None,
        parts=SimpleNamespace(parameters=12),
        ranks=SimpleNamespace(leads=leads, several=count > 1, count=count),
        events=Heard(),
        held=ExitStack(),
    )


def test_a_new_run_is_locked_and_says_what_it_is(toy_registry: Registry, tmp_path: Path) -> None:
    """Config and environment from the start; the lock ends with the block."""
    job = make_job(toy_registry)
    with held_folder(job, tmp_path / "new"):
        assert job.folder == tmp_path / "new"
        assert is_being_written(job.folder)
        assert tomllib.loads((job.folder / "config.toml").read_text())["components"]["arch"] == "segkit-toy:net"
        written = json.loads((job.folder / "environment.json").read_text())
        assert written["segkit"] == __version__
        assert "processes" not in written
        assert not (job.folder / START).exists()
    assert not is_being_written(job.folder)


def test_what_a_run_started_from_is_written_beside_it(toy_registry: Registry, tmp_path: Path) -> None:
    """Where it started from another model's weights."""
    job = make_job(toy_registry)
    job.started = SimpleNamespace(record={"from": "a model"})
    with held_folder(job, tmp_path / "new"):
        assert json.loads((tmp_path / "new" / START).read_text()) == {"from": "a model"}


@pytest.mark.parametrize("asked", [True, False])
def test_a_run_goes_where_its_plan_says(toy_registry: Registry, tmp_path: Path, asked: bool) -> None:
    """Or under its name; the working directory is the test's own."""
    job = make_job(toy_registry, **({"run.output": "there"} if asked else {"run.name": "mine"}))
    with held_folder(job, None):
        assert job.folder.resolve() == tmp_path / ("there" if asked else "runs/mine-generated-sample")


def test_an_error_before_training_takes_the_directory_back(toy_registry: Registry, tmp_path: Path) -> None:
    """Once training has begun it stays, whatever comes."""
    job = make_job(toy_registry)
    with pytest.raises(SegkitError), held_folder(job, tmp_path / "new"):
        raise SegkitError("a case is damaged")
    assert not (tmp_path / "new").exists()
    with pytest.raises(SegkitError, match="diverges"), held_folder(job, tmp_path / "new"):
        fail_in_training(job)
    assert (tmp_path / "new" / "config.toml").exists()


def fail_in_training(job: SimpleNamespace) -> None:
    """Begin, and come to an error."""
    begin_training(job)
    raise SegkitError("it diverges")


def test_who_stops_a_run_is_told_where_it_is(toy_registry: Registry, tmp_path: Path, monkeypatch) -> None:
    """So that the command can say how to go on; a run that has no directory yet has none to tell."""
    job = make_job(toy_registry)
    with pytest.raises(Stopped) as caught, held_folder(job, tmp_path / "new"):
        raise Stopped(signal.SIGINT)
    assert caught.value.folder == tmp_path / "new"

    def stopped(*_: object) -> None:
        raise Stopped(signal.SIGINT)

    monkeypatch.setattr(module, "new_run_folder", stopped)
    with pytest.raises(Stopped) as caught, held_folder(make_job(toy_registry), tmp_path / "other"):
        pass
    assert caught.value.folder is None


def test_a_run_that_is_gone_on_with_is_written_when_its_state_fits(toy_registry: Registry, tmp_path: Path) -> None:
    """Not a byte before; then config, environment, and no parts of a process that was killed."""
    with held_folder(job := make_job(toy_registry), tmp_path / "run"):
        begin_training(job)
    for place in ("", "last", "predictions", "explanations", "figures"):
        (tmp_path / "run" / place).mkdir(exist_ok=True)
        (tmp_path / "run" / place / ".segkit-0123456789abcdef.part").touch()
    (tmp_path / "run" / "last" / "state.safetensors").touch()
    before = (tmp_path / "run" / "config.toml").read_bytes()
    job = make_job(toy_registry, **{"train.epochs": 9}, count=3)
    job.resume = open_run(tmp_path / "run")
    with held_folder(job, None):
        assert job.folder == tmp_path / "run"
        assert is_being_written(job.folder)
        assert (tmp_path / "run" / "config.toml").read_bytes() == before
        assert len(list((tmp_path / "run").rglob("*.part"))) == 5
        begin_training(job)
    assert tomllib.loads((tmp_path / "run" / "config.toml").read_text())["train"]["epochs"] == 9
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["processes"] == 3
    assert not list((tmp_path / "run").rglob("*.part"))


def test_plugins_hear_of_a_run_when_it_begins_and_from_its_leader_alone(toy_registry: Registry, tmp_path: Path) -> None:
    """With its directory, its settings, its size, its device and whether it is gone on with."""
    job = make_job(toy_registry)
    with held_folder(job, tmp_path / "run"):
        assert job.events.told == []
        begin_training(job)
    (info,) = job.events.told
    assert (info.folder, info.parameters, info.device, info.resumed) == (tmp_path / "run", 12, "cpu", False)
    assert info.config["components.arch"] == "segkit-toy:net"
    other = make_job(toy_registry, leads=False)
    other.folder = tmp_path / "run"
    begin_training(other)
    assert other.events.told == []
    job.resume = object()
    assert run_info(job).resumed


def test_the_number_of_processes_is_told_where_there_are_several(toy_registry: Registry) -> None:
    """Beside the machine and the versions of what was chosen."""
    said = environment(make_job(toy_registry, count=2))
    assert said["processes"] == 2
    assert {item["name"]: item["version"] for item in said["components"]}["segkit-toy:net"] == "1.0"
    assert said["device"] == "cpu"
