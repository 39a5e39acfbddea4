"""`segkit run --resume` and `segkit train --resume`: what is gone on with, what is refused, nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors import safe_open

from segkit.cli import main
from segkit.discovery import Registry
from segkit.engine.schedule import learning_rate
from segkit.engine.trainer import Trainer
from segkit.settings import Train

TOY = ("--arch", "net", "--data", "squares", "--device", "cpu", "--epochs", "2", "--batch-size", "2")
TOY += ("--set", "data.cases=8", "--set", "run.save_minutes=0", "--set", "run.threads=1", "--workers", "0")
Call = Callable[..., Result]


@pytest.fixture
def call(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """Call `segkit ARGS` in this process with the toy plugin alone; it is stopped after so many steps where asked."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda folder, *_, **__: (folder / "report.html").touch())
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    step, left = Trainer.take_step, [0]

    def take_step(trainer: Trainer, batch: Any) -> torch.Tensor:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "take_step", take_step)

    def invoke(*args: str, stop: int = 0) -> Result:
        left[0] = stop
        return CliRunner().invoke(main, args)

    yield invoke
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def stopped(call: Call) -> Path:
    """A run of 2 epochs of 4 steps, stopped after the third step."""
    result = call("run", *TOY, "--output", "run", stop=3)
    assert result.exit_code == 130, result.output
    assert result.stderr.splitlines()[-1] == "stopped by SIGINT; go on with: segkit run --resume run"
    return Path("run")


def files(folder: Path) -> dict[str, bytes]:
    """Everything that a directory holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(result: Result, code: int, *said: str) -> None:
    """One line that says so."""
    assert result.exit_code == code, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.lower().startswith("error")]
    for words in said:
        assert words in line, line


def test_a_finished_run_says_so(call: Call) -> None:
    """Alone with exit code 0; its summary as JSON; with anything that it could not take, refused by name."""
    assert call("run", *TOY, "--output", "run").exit_code == 0
    again = call("run", "--resume", "run")
    assert (again.exit_code, again.stdout) == (0, f"run is finished; its report: {Path('run/report.html')}\n")
    summary = json.loads(call("run", "--resume", "run", "--json").stdout)
    assert summary["scores"] == json.loads(Path("run/summary.json").read_text())["scores"]
    for option in (("--lr", "0.1"), ("--set", "train.batch_size=3"), ("--output", "other"), ("--workers", "1")):
        refused(call("run", "--resume", "run", *option), 2, f"run is finished, and {option[0]} cannot change it")


def test_a_lost_page_is_not_trained_for(call: Call) -> None:
    """`segkit report` renders it alone."""
    assert call("run", *TOY, "--output", "run").exit_code == 0
    Path("run/report.html").unlink()
    before = files(Path("run"))
    refused(call("run", "--resume", "run"), 1, "report.html is missing", "segkit report run renders the page alone")
    assert files(Path("run")) == before


@pytest.mark.parametrize("command", ["run", "train"])
def test_a_lost_state_is_never_trained_for_again(call: Call, stopped: Path, command: str) -> None:
    """After any number of steps: what is there and what can be done is said, and nothing is changed."""
    (stopped / "last" / "state.safetensors").unlink()
    before = files(stopped)
    said = ("0 of 2 epochs were trained, and last/state.safetensors is missing", "segkit run --config run/config.toml")
    refused(call(command, "--resume", "run"), 1, *said)
    assert files(stopped) == before
    assert "broken" in call("runs", "run").stdout


def test_a_folder_that_cannot_be_removed_is_no_unfinished_run(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS, where a file that is open stays: the run is finished, for runs, resume and compare alike."""

    remove = shutil.rmtree

    def refuse(path: Path, *args: object, **options: object) -> None:
        if Path(path).name == "last":
            raise OSError(39, "Directory not empty")
        remove(path, *args, **options)

    monkeypatch.setattr("segkit.jobs.run.shutil.rmtree", refuse)
    result = call("run", *TOY, "--output", "run")
    assert result.exit_code == 0, result.output
    assert "run/last is not needed any more and cannot be removed" in result.stderr
    assert Path("run/last/state.safetensors").exists()
    assert json.loads(call("runs", "run", "--json").stdout)[0]["state"] == "finished"
    assert "is finished" in call("run", "--resume", "run").stdout


def test_nothing_is_written_before_the_state_fits(call: Call, stopped: Path) -> None:
    """Another network is refused in a sentence with its config untouched, allowed or not; then it goes on as it was."""
    before = files(stopped)
    refused(call("run", "--resume", "run", "--set", "arch.width=4"), 1, "arch.width was 6, is 4", "--allow arch")
    allowed = call("run", "--resume", "run", "--set", "arch.width=4", "--allow", "arch")
    refused(allowed, 1, "last/state.safetensors is of another network", "model.0.bias was 6, is 4")
    assert files(stopped) == before
    assert call("run", "--resume", "run").exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--output", "other"), "a run goes on in its own directory"),
        (("--set", "run.output=other"), "a run goes on in its own directory"),
        (("--allow", "dta"), "did you mean 'data'?"),
        (("--config", "run/config.toml"), "--resume and --config were both given"),
    ],
)
def test_what_cannot_be_meant_is_refused(call: Call, stopped: Path, options: tuple[str, ...], said: str) -> None:
    """Nothing is dropped silently."""
    before = files(stopped)
    refused(call("run", "--resume", "run", *options), 2, said)
    assert files(stopped) == before
    assert not Path("other").exists()


def test_allowances_are_for_runs_that_are_resumed(call: Call) -> None:
    """Without --resume there is nothing that could differ."""
    refused(call("run", *TOY, "--allow", "data"), 2, "--allow was given without --resume")


@pytest.mark.parametrize(
    "options",
    [("--workers", "2"), ("--device", "auto"), ("--name", "other"), ("--output", "./run"), ("--profile",)],
)
def test_what_changes_no_weight_needs_no_allowance(call: Call, stopped: Path, options: tuple[str, ...]) -> None:
    """The model is that of a run that was never stopped."""
    assert call("run", *TOY, "--output", "whole").exit_code == 0
    result = call("run", "--resume", "run", *options)
    assert result.exit_code == 0, result.output
    for name in ("model.safetensors", "cases.csv"):
        assert (stopped / name).read_bytes() == Path("whole", name).read_bytes()


@pytest.fixture
def data(call: Call, stopped: Path, tmp_path: Path) -> Path:
    """A copy of the data, and the stopped run told that it was made with it."""
    (made,) = (path for path in (tmp_path / "cache" / "samples").glob("squares-*") if path.is_dir())
    shutil.copytree(made, "data")
    shutil.rmtree("run")
    assert call("run", *TOY, "--data-root", "data", "--output", "run", stop=3).exit_code == 130
    return Path("data")


def test_data_that_moved_are_the_same_data(call: Call, data: Path) -> None:
    """Their contents decide, not where they lie; the config then says where they are."""
    data.rename("moved")
    refused(call("run", "--resume", "run"), 1, "does not exist")
    assert call("run", "--resume", "run", "--data-root", "moved").exit_code == 0
    assert tomllib.loads(Path("run/config.toml").read_text())["data"]["root"] == str(Path("moved").resolve())


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_fewer_cases_are_never_taken_silently(call: Call, data: Path, split: str) -> None:
    """Whatever else is allowed; of the scored split, too."""
    next((data / split).glob("*.npy")).unlink()
    other = ("--lr", "0.01", "--allow", "training,versions,batch-size")
    refused(call("run", "--resume", "run", *other), 1, f"data of split {split} was", "cases (", "--allow ")
    assert "data" in call("run", "--resume", "run", *other).stderr.rpartition("--allow")[2]


def history(folder: str = "run") -> list[dict[str, Any]]:
    """The epochs of a run."""
    return [json.loads(line) for line in Path(folder, "history.jsonl").read_text().splitlines()]


def seen_so_far(folder: Path) -> tuple[int, float]:
    """The samples of the epoch under way, and the sum of their losses."""
    with safe_open(folder / "last" / "state.safetensors", "pt") as stream:
        return json.loads(stream.metadata()["segkit-state"])["summed"], float(stream.get_tensor("sums")[0])


@pytest.mark.parametrize(("size", "steps"), [(1, 3 + 2 + 8), (3, 3 + 1 + 3), (8, 3 + 1 + 1)])
def test_another_batch_size_goes_on_at_the_same_place(
    call: Call, stopped: Path, monkeypatch: pytest.MonkeyPatch, size: int, steps: int
) -> None:
    """6 of 8 samples are seen: the others come, the rate follows the samples, the loss is theirs."""
    rates, losses, step = [], [], Trainer.take_step

    def look(trainer: Trainer, batch: Any) -> torch.Tensor:
        sums = step(trainer, batch)
        rates.append((trainer.epoch - 1 + trainer.samples_in_epoch / 8, trainer.optimizer.param_groups[0]["lr"]))
        losses.append(float(sums[0]))
        return sums

    monkeypatch.setattr(Trainer, "take_step", look)
    seen, before = seen_so_far(stopped)
    result = call("run", "--resume", "run", "--batch-size", str(size), "--allow", "batch-size")
    assert result.exit_code == 0, result.output
    assert [record["step"] for record in history()][-1] == steps
    assert seen == 6
    settings = Train(epochs=2, learning_rate=0.05)
    for place, rate in rates:
        if place >= 1:
            break  # from there on, steps are equal parts of the epoch as always
        assert rate == pytest.approx(learning_rate(settings, place / 2 * 1000, 1000), rel=0.02, abs=1e-6)
    assert [place for place, _ in rates] == sorted(place for place, _ in rates)
    first = [loss for loss, (place, _) in zip(losses, rates, strict=True) if place < 1]
    assert history()[0]["loss"] == pytest.approx((before + sum(first)) / 8, rel=1e-5)


def test_training_that_is_over_is_not_described_anew(call: Call) -> None:
    """Config and model go on saying the same: only what comes after training may still differ."""
    assert call("train", *TOY, "--output", "run").exit_code == 0
    before = files(Path("run"))
    refused(call("run", "--resume", "run", "--lr", "0.01", "--allow", "training"), 1, "run is trained to its end")
    assert files(Path("run")) == before
    scored = call("run", "--resume", "run", "--set", "evaluate.mirror=true", "--allow", "scoring")
    assert scored.exit_code == 0, scored.output
    assert tomllib.loads(Path("run/config.toml").read_text())["evaluate"]["mirror"] is True


def test_fewer_epochs_than_are_trained_are_refused(call: Call) -> None:
    """Two are trained, one is wanted."""
    assert call("run", *TOY[:7], "3", *TOY[8:], "--output", "run", stop=10).exit_code == 130
    result = call("run", "--resume", "run", "--epochs", "1", "--allow", "epochs")
    refused(result, 1, "2 epochs are trained already, train.epochs=1 is less")


def test_another_selection_chooses_from_here_on(call: Call) -> None:
    """Values of two metrics are not compared, and the user is told."""
    assert call("run", *TOY, "--output", "run", stop=6).exit_code == 130
    result = call("run", "--resume", "run", "--set", "train.selection=miss", "--allow", "scoring")
    assert result.exit_code == 0, result.output
    assert "the epoch is chosen by miss@store from epoch 2 on: it was overlap@store before" in result.stderr
    assert json.loads(Path("run/summary.json").read_text())["weights"].startswith("epoch 2, best val/miss@store")


def test_a_failing_store_never_removes_a_run_that_is_resumed(
    call: Call, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it stays as it was (issue 16)."""
    from segkit.errors import SegkitError

    def broken(*_: object, **__: object) -> None:
        raise SegkitError("case 3 cannot be read", "mend it")

    before = files(stopped)
    monkeypatch.setattr("segkit.jobs.stores.open_store", broken)
    refused(call("run", "--resume", "run"), 1, "case 3 cannot be read")
    assert files(stopped) == before


@pytest.mark.parametrize("place", ["mine", "link", "."])
def test_a_data_error_leaves_the_users_folder(call: Call, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """An empty one, one behind a link, the working directory: each stays, empty, and the next run can take it."""
    from segkit.errors import SegkitError

    def broken(*_: object, **__: object) -> None:
        raise SegkitError("case 3 cannot be read", "mend it")

    Path("mine").mkdir()
    Path("link").symlink_to("mine")
    if place == ".":
        monkeypatch.chdir("mine")
    monkeypatch.setattr("segkit.jobs.stores.open_store", broken)
    refused(call("run", *TOY, "--output", place), 1, "case 3 cannot be read")
    assert Path(place).is_dir()
    assert not list(Path(place).iterdir())


def test_time_spent_is_counted_over_a_resume(call: Call, stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the run by stage, and of the epoch that was under way (issue 16)."""
    from segkit.engine import state

    save = state.write_sealed

    def long_ago(path: Path, key: str, header: dict[str, Any], tensors: Any) -> None:
        save(path, key, header | {"spent": {"data": 1000.0, "train": 5000.0}, "seconds": 700.0}, tensors)

    monkeypatch.setattr("segkit.engine.state.write_sealed", long_ago)
    assert call("run", "--resume", "run", stop=1).exit_code == 130
    monkeypatch.setattr("segkit.engine.state.write_sealed", save)
    assert call("run", "--resume", "run").exit_code == 0
    summary = json.loads(Path("run/summary.json").read_text())
    assert 1000 < summary["seconds"]["data"] < 1900
    assert 5000 < summary["seconds"]["train"] < 5900
    assert 700 <= history()[1]["seconds"] < 1600


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        MemoryError(),
    ],
)
def test_memory_that_is_not_enough_is_a_sentence(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """In each form it comes in, with what can be done; what was saved stays."""

    def no_memory(*_: object) -> None:
        raise error

    monkeypatch.setattr(Trainer, "find_gradients", no_memory)
    result = call("run", *TOY, "--output", "run")
    refused(result, 1, "training on cpu does not fit into memory", "--batch-size 1", "train.accumulate=2")


def restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torchrun starts its one process again."""
    said = {"RANK": "0", "WORLD_SIZE": "1", "TORCHELASTIC_RESTART_COUNT": "1"}
    for name, value in said.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("command", ["run", "train"])
@pytest.mark.parametrize("output", [("--output", "run"), ()], ids=["output", "name"])
def test_torchrun_goes_on_with_its_own_run(
    call: Call, monkeypatch: pytest.MonkeyPatch, command: str, output: tuple[str, ...]
) -> None:
    """By --output or by name, for both commands alike; a run with other settings is left alone (issue 16)."""
    assert call(command, *TOY, *output, stop=3).exit_code == 130
    other = call(command, *TOY, "--lr", "0.01", stop=5)
    assert other.exit_code == 130
    restart(monkeypatch)
    result = call(command, *TOY, *output)
    assert result.exit_code == 0, result.output
    assert "resuming in epoch 1 after step 3" in result.stderr
    again = call(command, *TOY, *output)
    assert again.exit_code == 0, again.output
    assert "resuming in epoch 1" not in again.stderr
    found = {path.name for path in Path("runs").iterdir()}
    assert found == ({"net-squares-generated-sample"} | (set() if output else {"net-squares-generated-sample-2"}))
