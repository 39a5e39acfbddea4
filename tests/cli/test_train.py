"""`segkit train`: a run up to its model, which the rest of the run can be added to."""

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import main
from segkit.discovery import Registry

TOY = ("--arch", "net", "--data", "squares", "--epochs", "1", "--device", "cpu")


@pytest.fixture
def call(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Call `segkit ARGS` in this process with the toy plugin alone."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(main, args)

    return invoke


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_trained_run_goes_on_to_what_a_whole_run_is(call) -> None:
    """Trained, then resumed as a run: model, scores and history are those of a whole run; nothing is trained twice."""
    trained = call("train", *TOY, "--output", "parts")
    assert trained.exit_code == 0, trained.output
    assert trained.stdout == f"model: {Path('parts/model.safetensors')}\n"
    assert not Path("parts/summary.json").exists()
    listed = call("runs", "parts")
    assert listed.stdout.rstrip().endswith("trained\tnot scored")
    resumed = call("run", "--resume", "parts")
    assert resumed.exit_code == 0, resumed.output
    assert "epoch 1/1" not in resumed.stderr
    assert call("run", *TOY, "--output", "whole").exit_code == 0
    for name in ("model.safetensors", "cases.csv"):
        assert digest(f"parts/{name}") == digest(f"whole/{name}"), name


def test_it_takes_the_options_of_run(call) -> None:
    """Neither command has an option that the other has not, but for those about the whole job."""
    options = [
        [line.split()[0] for line in call(name, "--help").stdout.splitlines() if line.startswith("  -")]
        for name in ("train", "run")
    ]
    assert options[0] == [name for name in options[1] if name not in ("--dry-run", "--open")]
    assert "--arch" in options[0]


def test_a_finished_run_is_not_trained_on(call, toy_run) -> None:
    """It is a usage error that names the command to score it again."""
    Path("run/report.html").touch()
    result = call("train", "--resume", "run")
    assert result.exit_code == 2
    assert "segkit evaluate run" in result.stderr
