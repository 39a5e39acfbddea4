"""`segkit plan` and `segkit run --plan`: options, what is printed where, what is written."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import main
from segkit.discovery import Registry
from segkit.jobs.plan.bench import InProcess


class Beside(InProcess):
    """The bench that the command has a process for, in the tests' own, which knows the toy plugin."""

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def segkit(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Call `segkit ARGS` in this process with the toy plugin alone."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    monkeypatch.setattr("segkit.jobs.plan.apart.Apart", lambda given, scratch: Beside(given, scratch, toy_registry))
    monkeypatch.setattr("segkit.jobs.plan.bench.FEW", (2, 0.0))
    monkeypatch.setattr("segkit.jobs.plan.bench.MANY", (2, 0.0))

    def call(*args: str, code: int = 0) -> Result:
        done = CliRunner().invoke(main, list(args))
        assert done.exit_code == code, done.output + repr(done.exception)
        return done

    return call


TOY = ("--arch", "net", "--data", "squares", "--device", "cpu")


def test_every_choice_has_its_reason_and_the_file_is_written(segkit) -> None:
    """Choices on stdout, what is done meanwhile on stderr; the file is taken by `segkit run --config`."""
    done = segkit("plan", *TOY, "--minutes", "5")
    rows = [line.split("\t") for line in done.stdout.splitlines()[:-2]]
    assert [row[0] for row in rows] == ["mode", "size", "network", "batch", "loss", "epochs"]
    assert all(row[2] for row in rows)
    assert done.stdout.splitlines()[-1] == "plan: plan.toml; train with: segkit run --config plan.toml"
    assert "trying net" in done.stderr
    assert tomllib.loads(Path("plan.toml").read_text())["components"]["arch"] == "net"
    segkit("train", "--config", "plan.toml", "--epochs", "1")


def test_json_has_every_figure(segkit) -> None:
    """And nothing else is on stdout."""
    told = json.loads(segkit("plan", *TOY, "--json", "--output", "p.toml").stdout)
    assert told["file"] == "p.toml"
    assert told["settings"]["train.epochs"] >= 1
    assert {"seconds", "memory", "steps", "total"} == set(told["forecast"])


def test_a_run_plans_first(segkit) -> None:
    """What it chose is in the run's config, with where it came from; flags go before it."""
    done = segkit("run", *TOY, "--plan", "--minutes", "3", "--epochs", "1", "--size", "16")
    assert "plan: size 16x16: as you said" in done.stderr
    config = Path("runs/net-squares-generated-sample/config.toml").read_text()
    assert re.search(r"\nbatch_size = 4 +# plan\n", config)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("plan", *TOY, "--memory", "8"), "--memory '8' is no amount of memory"),
        (("plan", *TOY, "--minutes", "-3"), "--minutes -3 is no time"),
        (("plan",), "no data was named"),
        (("run", *TOY, "--minutes", "3"), "--minutes was given without --plan"),
        (("run", *TOY, "--memory", "3GB"), "--memory was given without --plan"),
    ],
)
def test_what_cannot_be_meant_exits_with_2(segkit, args, said) -> None:
    """Before anything is read."""
    assert said in segkit(*args, code=2).stderr


def test_several_processes_do_not_plan_each_for_itself(segkit, monkeypatch) -> None:
    """What is measured differs from process to process: under torchrun a plan is refused with the way out."""
    said = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    told = segkit("run", *TOY, "--plan", code=2).stderr
    assert "--plan was given to several processes of one run" in told
    assert "plan once, in one process: segkit plan" in told
