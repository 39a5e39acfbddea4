"""Runs that are trained for more epochs than they were to have: stopped or finished, with their state or without."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from segkit.cli import main

TOY = ("run", "--arch", "net", "--data", "squares", "--device", "cpu", "--set", "run.threads=1", "--output", "a")


def epochs() -> list[int]:
    """The epochs that the run's history tells of."""
    return [json.loads(line)["epoch"] for line in Path("a/history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("kept", [True, False])
def test_a_finished_run_goes_on(segkit, kept: bool) -> None:
    """With its state or, said, from its weights: the history goes on, and config, summary and page are of the whole."""
    segkit(*TOY, "--epochs", "2", "--set", f"run.keep_state={kept}")
    assert Path("a/last/state.safetensors").exists() == kept
    before = Path("a/history.jsonl").read_text().splitlines()
    done = segkit("run", "--resume", "a", "--epochs", "4")
    assert Path("a/history.jsonl").read_text().splitlines()[:2] == before
    assert epochs() == [1, 2, 3, 4]
    assert tomllib.loads(Path("a/config.toml").read_text())["train"]["epochs"] == 4
    assert json.loads(Path("a/summary.json").read_text())["finished"] is True
    assert Path("a/report.html").exists()
    assert ("the optimizer starts anew" in done.stderr) == (not kept)
    assert "schedule: cosine over 4 epochs in all, not 2: the learning rate goes on at" in done.stderr


def test_with_its_state_it_is_as_if_it_had_not_ended(segkit) -> None:
    """At a constant rate a run of 2 epochs that goes on to 4 has the weights of 4 at once."""
    constant = ("--set", "train.schedule=constant")
    segkit(*TOY, *constant, "--epochs", "2", "--set", "run.keep_state=true")
    segkit("run", "--resume", "a", "--epochs", "4")
    segkit(*TOY[:-1], "b", *constant, "--epochs", "4", "--set", "run.keep_state=true")
    assert Path("a/model.safetensors").read_bytes() == Path("b/model.safetensors").read_bytes()


@pytest.mark.parametrize("said", [("--epochs", "2"), ("--epochs", "1"), ("--epochs", "4", "--lr", "0.5")])
def test_what_is_not_longer_is_refused(segkit, said: tuple[str, ...]) -> None:
    """As many epochs or fewer, or another setting beside more of them, leave a finished run as it is."""
    segkit(*TOY, "--epochs", "2", "--set", "run.keep_state=true")
    before = {path: path.read_bytes() for path in Path("a").rglob("*") if path.is_file()}
    done = CliRunner().invoke(main, ["run", "--resume", "a", *said])
    assert done.exit_code in (1, 2), done.output
    assert {path: path.read_bytes() for path in Path("a").rglob("*") if path.is_file()} == before


def test_a_stopped_run_goes_on_longer(segkit, monkeypatch: pytest.MonkeyPatch) -> None:
    """More epochs need no allowance, and the first lines say what the schedule makes of them."""
    from segkit.engine.stop import Stopped
    from segkit.engine.trainer import Trainer

    begin = Trainer.begin_epoch

    def stop_at(self: Trainer, epoch: int) -> None:
        begin(self, epoch)
        if epoch == 3:
            raise Stopped(2)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "begin_epoch", stop_at)
        segkit(*TOY, "--epochs", "3", code=130)
    done = segkit("run", "--resume", "a", "--epochs", "5")
    assert epochs() == [1, 2, 3, 4, 5]
    assert "schedule: cosine over 5 epochs in all, not 3" in done.stderr


class KilledError(BaseException):
    """Stands for a signal that leaves everything as it is."""


@pytest.mark.parametrize(("kept", "again"), [(True, ()), (False, ("--epochs", "4"))])
@pytest.mark.parametrize("place", ["hand_over", "environment", "config", "begin", "steps", "model"])
def test_killed_on_the_way_to_longer(
    segkit, monkeypatch: pytest.MonkeyPatch, kept: bool, again: tuple[str, ...], place: str
) -> None:
    """Killed between any two of its files it is finished as it was, or goes on to the end, whatever one types."""
    from segkit.jobs import folder, keeper, train

    constant = ("--set", "train.schedule=constant")
    segkit(*TOY, *constant, "--epochs", "2", "--set", f"run.keep_state={kept}")

    def die(*_: object, **__: object) -> None:
        raise KilledError

    holder, name = {
        "hand_over": (keeper, "write_json"),
        "environment": (folder, "write_json"),
        "config": (folder, "write_text"),
        "begin": (keeper.Keeper, "write_history"),
        "steps": (train.Trainer, "train"),
        "model": (train, "save_model"),
    }[place]
    with monkeypatch.context() as patched:
        patched.setattr(holder, name, die)
        with pytest.raises(KilledError):
            CliRunner().invoke(main, ["run", "--resume", "a", "--epochs", "4"])
    (told,) = json.loads(segkit("runs", "a", "--json").stdout)
    begun = place != "hand_over"
    assert told["state"] == ("unfinished" if begun else "finished")
    assert told["details"] == (f"{4 if place == 'model' else 2} of 4 epochs" if begun else "")
    before = Path("a/config.toml").read_bytes()
    segkit("run", "--resume", "a", *again)
    if begun or again:
        assert epochs() == [1, 2, 3, 4]
        assert tomllib.loads(Path("a/config.toml").read_text())["train"]["epochs"] == 4
    else:
        assert Path("a/config.toml").read_bytes() == before
    (told,) = json.loads(segkit("runs", "a", "--json").stdout)
    assert told["state"] == "finished"
    assert not Path("a/last/longer.json").exists()


def test_a_run_stopped_before_its_first_state_goes_on_longer(segkit, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is neither state nor model: it begins with step 1."""
    from segkit.jobs import train

    def die(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(train.Trainer, "train", die)
        with pytest.raises(KilledError):
            CliRunner().invoke(main, [*TOY, "--epochs", "2"])
    segkit("run", "--resume", "a", "--epochs", "3")
    assert epochs() == [1, 2, 3]
