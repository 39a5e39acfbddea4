"""Runs that are stopped or killed anywhere and resumed are the undisturbed run."""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from segkit.config import Layer, read_file
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.errors import SegkitError, UsageError
from segkit.jobs.run import RunResult, run_job
from segkit.planning.plan import make_plan
from segkit.rundir.allowances import read_allowances
from segkit.rundir.resume import Resume, is_longer, open_run

TOY = Path(__file__).parents[1] / "toy"
PLACES = {
    "in the store build": ("segkit_toy:Squares.read", 3),
    "in a step": ("segkit.engine.trainer:Trainer.take_step", 4),
    "in the checkpoint writer": ("segkit.files.writing:os.fsync", 14),
    "between write and rename": ("segkit.files.writing:Path.replace", 8),
    "in evaluation": ("segkit.engine.predictions:write_labels", 2),
    "in the report": ("segkit.jobs.run:write_report", 1),
}


@pytest.fixture
def process(toy_registry: Registry, tmp_path: Path):
    """Run the toy job in a process that may kill itself at the n-th call of a function."""
    environ = {**os.environ, "PYTHONPATH": str(TOY)}

    def run(out: str, place: str = "nowhere", count: int = 0, *, resume: bool = False) -> int:
        how = ["resume"] if resume else ["start", "run.save_minutes=0"]
        command = [sys.executable, str(TOY / "killer.py"), place, str(count), out, *how]
        done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=tmp_path, check=False)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode

    return run


def sums(folder: Path) -> list[str]:
    """The hashes of what must be equal, and the history without its times."""
    files = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.safetensors", "cases.csv")]
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [*files, json.dumps([{k: r[k] for k in r if "second" not in k} for r in records])]


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_run_resumes_to_the_same_files(process, tmp_path: Path, place: str) -> None:
    """SIGKILL in each phase, then a resume: model, cases and history of the undisturbed run, and no state left over."""
    assert process("whole") == 0
    if "store" in place:
        for stores in (tmp_path / "cache" / "stores").iterdir():
            subprocess.run(["rm", "-rf", str(stores)], check=True)
    assert process("killed", *PLACES[place]) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "report.html").exists()
    assert process("killed", resume=True) == 0
    assert sums(tmp_path / "killed") == sums(tmp_path / "whole")
    left = {path.name for path in (tmp_path / "killed").iterdir()}
    assert left == {path.name for path in (tmp_path / "whole").iterdir()}


def test_without_whole_writes_a_kill_loses_the_run(process, tmp_path: Path) -> None:
    """The control: a second state written in place and killed half-way is refused, not restarted."""
    environ = {**os.environ, "PYTHONPATH": str(TOY)}
    out = str(tmp_path / "plain")
    command = [sys.executable, str(TOY / "killer.py"), "__main__:sync_part", "16", out, "start"]
    fsync = [*command, "plain-writes", "arch.width=64", "run.save_minutes=0"]
    done = subprocess.run(fsync, capture_output=True, env=environ, cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    resume = [*command[:2], "nowhere", "0", out, "resume"]
    resumed = subprocess.run(resume, capture_output=True, text=True, env=environ, cwd=tmp_path, check=False)
    assert resumed.returncode != 0
    assert "last/state.safetensors is damaged" in resumed.stderr


def start(registry: Registry, out: Path, **values: object) -> RunResult:
    flags = {name.replace("__", "."): value for name, value in values.items()}
    chosen = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "run.save_minutes": 0}
    plan = make_plan([Layer("flag", chosen | flags)], registry, {})
    return run_job(plan, out, Progress())


def go_on(registry: Registry, out: Path, *, allow: str = "", **values: object) -> RunResult:
    stopped = open_run(out, read_allowances([allow]))
    flags = Layer("flag", {name.replace("__", "."): value for name, value in values.items()})
    return run_job(make_plan([stopped.config, flags], registry, {}), out, Progress(), stopped)


@pytest.fixture(autouse=True)
def heard():
    """Let SIGINT be heard, which a shell without job control has its background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_background_job_ignores_what_it_was_told_to_ignore() -> None:
    """A signal that is ignored when the run starts stays ignored."""
    from segkit.engine.stop import StopRequest

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = StopRequest(print)
    with stop.listen():
        os.kill(os.getpid(), signal.SIGINT)
    assert not stop.requested


class StopAt(Progress):
    """Sends this process a signal at the n-th step."""

    def __init__(self, step: int, number: int) -> None:
        self.left = step
        self.number = number
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)

    def advance(self, count: int = 1, details: object = None) -> None:
        if details:
            self.left -= count
            if self.left == 0:
                os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_finish_the_step_and_save(toy_registry: Registry, tmp_path: Path, number: int, code: int) -> None:
    """Ctrl-C and SIGTERM finish the step, save, and stop with their code; the resume is the undisturbed run."""
    from segkit.engine.stop import Stopped

    start(toy_registry, tmp_path / "whole")
    flags = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "run.save_minutes": 99}
    plan = make_plan([Layer("flag", flags)], toy_registry, {})
    watcher = StopAt(3, number)
    with pytest.raises(Stopped) as caught:
        run_job(plan, tmp_path / "stopped", watcher)
    assert caught.value.exit_code == code
    assert watcher.lines[-1].startswith("stopping after this step")
    go_on(toy_registry, tmp_path / "stopped")
    assert sums(tmp_path / "stopped") == sums(tmp_path / "whole")


@pytest.fixture
def stopped_run(toy_registry: Registry, tmp_path: Path) -> Path:
    """A run that was stopped in its second epoch."""
    from segkit.engine.stop import Stopped

    flags = {"components.arch": "net", "components.data": "squares", "run.device": "cpu"}
    plan = make_plan([Layer("flag", flags)], toy_registry, {})
    with pytest.raises(Stopped):
        run_job(plan, tmp_path / "stopped", StopAt(3, signal.SIGINT))
    return tmp_path / "stopped"


def test_other_settings_are_refused_and_named(toy_registry: Registry, stopped_run: Path) -> None:
    """A resume with another learning rate says so; with the allowance it goes on."""
    with pytest.raises(SegkitError, match=r"train\.learning_rate was 0\.05, is 0\.01"):
        go_on(toy_registry, stopped_run, train__learning_rate=0.01)
    assert go_on(toy_registry, stopped_run, allow="training", train__learning_rate=0.01).report.exists()


def test_other_data_are_refused_and_named(toy_registry: Registry, stopped_run: Path, tmp_path: Path) -> None:
    """A changed training image is noticed."""
    import numpy as np

    (file,) = (tmp_path / "cache" / "samples").glob("squares-*/train/train-1.npy")
    pixels = np.load(file)
    pixels[0, 0, 0] += 1
    np.save(file, pixels)
    with pytest.raises(SegkitError, match="data of split train was"):
        go_on(toy_registry, stopped_run)


def test_other_versions_are_refused_and_named(toy_registry: Registry, stopped_run: Path) -> None:
    """A component of another version is noticed."""
    toy_registry.plugins[0].version = "1.1"
    with pytest.raises(SegkitError, match=r"segkit-toy:net 1\.0.*is segkit-toy:net 1\.1"):
        go_on(toy_registry, stopped_run)


def test_threads_are_restored(toy_registry: Registry, stopped_run: Path) -> None:
    """The number of threads is that of the stopped run."""
    import torch

    environment = json.loads((stopped_run / "environment.json").read_text())
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(environment["threads"] + 1)
        go_on(toy_registry, stopped_run)
        assert torch.get_num_threads() == environment["threads"]
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("environment", "threads"),
    [(None, None), ({}, None), ({"threads": 1}, 1), ({"threads": 0}, None), ({"threads": "2"}, None)],
)
def test_threads_are_a_number_or_not_known(environment: dict | None, threads: int | None) -> None:
    """Whatever the file says."""
    assert Resume(Path("run"), Layer("file", {}), environment).threads == threads


@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign"])
def test_a_damaged_state_never_restarts_silently(toy_registry: Registry, stopped_run: Path, damage: str) -> None:
    """A state that is not whole is an error by name."""
    from safetensors.numpy import save_file

    path = stopped_run / "last" / "state.safetensors"
    if damage == "foreign":
        save_file({}, path)
    else:
        path.write_bytes(path.read_bytes()[:-9] if damage == "truncated" else b"")
    with pytest.raises(SegkitError, match=r"last/state\.safetensors is damaged"):
        go_on(toy_registry, stopped_run)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    """--resume of something else is a usage error."""
    with pytest.raises(UsageError, match=r"no config\.toml"):
        open_run(tmp_path)


def test_every_case_is_scored_after_a_resume(toy_registry: Registry, stopped_run: Path) -> None:
    """cases.csv has each case once."""
    go_on(toy_registry, stopped_run)
    with (stopped_run / "cases.csv").open() as stream:
        cases = [row["case"] for row in csv.DictReader(stream)]
    assert cases == ["test-0", "test-1", "test-2"]


class Gone(BaseException):
    """What stands for SIGKILL at the first step that is taken."""


@pytest.fixture
def killed_at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Go on in a run, and be killed before the first step."""

    def go(registry: Registry, out: Path, **how: object) -> None:
        def take_step(*_: object) -> None:
            raise Gone

        with monkeypatch.context() as patch:
            patch.setattr("segkit.engine.trainer.Trainer.take_step", take_step)
            with pytest.raises(Gone):
                go_on(registry, out, **how)

    return go


@pytest.mark.parametrize(
    ("allow", "changed"),
    [
        ("training", {"train.learning_rate": 0.01}),
        ("batch-size", {"train.batch_size": 3}),
        ("epochs", {"train.epochs": 5}),
        ("augmentation", {"augment.flip": 0.0}),
        ("scoring", {"train.selection": "miss"}),
        ("seed", {"run.seed": 9}),
        ("batch-size,training", {"train.batch_size": 1, "train.learning_rate": 0.02}),
    ],
)
def test_what_was_allowed_once_is_not_asked_for_again(
    toy_registry: Registry,
    stopped_run: Path,
    killed_at_once,
    monkeypatch: pytest.MonkeyPatch,
    allow: str,
    changed: dict,
) -> None:
    """Killed before its first step with other settings, a run goes on with them as with its own (issue 17)."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    killed_at_once(toy_registry, stopped_run, allow=allow, **changed)
    go_on(toy_registry, stopped_run)
    config = read_file(stopped_run / "config.toml").values
    assert {name: config[name] for name in changed} == changed


def test_data_that_move_back_are_asked_for_and_taken(
    toy_registry: Registry, tmp_path: Path, killed_at_once, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that went on with data moved says where it looks for them, and goes on where it is told (issue 17)."""
    from segkit.engine.stop import Stopped

    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    start(toy_registry, tmp_path / "whole")
    (sample,) = (tmp_path / "cache" / "samples").glob("squares-*/")
    here, there = tmp_path / "here", tmp_path / "there"
    shutil.copytree(sample, here)
    chosen = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "data.root": str(here)}
    with pytest.raises(Stopped):
        run_job(make_plan([Layer("flag", chosen)], toy_registry, {}), tmp_path / "run", StopAt(3, signal.SIGINT))
    here.rename(there)
    killed_at_once(toy_registry, tmp_path / "run", data__root=str(there))
    there.rename(here)
    before = (tmp_path / "run" / "config.toml").read_bytes()
    with pytest.raises(SegkitError) as caught:
        go_on(toy_registry, tmp_path / "run")
    assert str(caught.value).endswith(f"folder {there} does not exist; say where the data are: --data-root DIR")
    assert (tmp_path / "run" / "config.toml").read_bytes() == before
    go_on(toy_registry, tmp_path / "run", data__root=str(here))
    assert sums(tmp_path / "run") == sums(tmp_path / "whole")


@pytest.mark.parametrize(
    ("said", "longer"), [(3, True), ("3", True), (2, False), (1, False), (None, False), ("many", False)]
)
def test_more_epochs_than_a_run_was_to_have_make_it_longer(tmp_path, said, longer):
    """As many, fewer, none and no number do not; nor does a folder that is no run."""
    assert not is_longer(tmp_path, said)
    (tmp_path / "config.toml").write_text("[train]\nepochs = 2\n")
    assert is_longer(tmp_path, said) == longer
