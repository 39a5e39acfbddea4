"""One run over several processes started by torchrun, through the command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

PROJECT = Path(__file__).resolve().parents[1]
JOB = ("--arch", "solid", "--data", "squares", "--device", "cpu", "--set", "data.cases=7", "--batch-size", "3")


class Launcher:
    """Starts `segkit` in a folder of its own, alone or under torchrun."""

    def __init__(self, site: Path, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGKIT_")}
        self.environ = {**kept, "PYTHONPATH": str(site), "SEGKIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
        self.folder = folder

    def start(
        self, processes: int, *args: str, restarts: int = 0, command: str = "run", job: tuple[str, ...] = JOB
    ) -> subprocess.Popen[str]:
        """Start it; one process without torchrun."""
        launch = ("-m", "segkit")
        if processes > 1:
            spread = ("--standalone", "--nproc-per-node", str(processes), "--max-restarts", str(restarts))
            launch = ("-m", "torch.distributed.run", *spread, *launch)
        called = (sys.executable, *launch, command, *job, *args)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(called, cwd=self.folder, env=self.environ, **pipes)

    def run(self, processes: int, *args: str, out: str = "ranks", job: tuple[str, ...] = JOB) -> Path:
        """Run to the end; returns the run directory."""
        out = f"{out}-{processes}"
        process = self.start(processes, *args, "--output", out, job=job)
        stdout, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        assert stdout.count("report:") == 1, "one process talks to the user"
        return self.folder / out


@pytest.fixture(scope="module")
def launcher(install_source, tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    """The toy plugin installed, and a folder to run in."""
    return Launcher(install_source([PROJECT / "tests" / "toy"]), tmp_path_factory.mktemp("several"))


@pytest.fixture(scope="module")
def alone(launcher: Launcher) -> Path:
    """The run of one process."""
    return launcher.run(1, "--epochs", "2")


def assert_same(shared: Path, alone: Path) -> None:
    """The same weights within 1e-5, the same scores to the last digit, the same cases in the same order."""
    found, expected = (load_file(run / "model.safetensors") for run in (shared, alone))
    assert found.keys() == expected.keys()
    assert all(float((found[name] - value).abs().max()) < 1e-5 for name, value in expected.items())
    assert (shared / "cases.csv").read_text() == (alone / "cases.csv").read_text()
    records = [
        [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()] for run in (shared, alone)
    ]
    for one, other in zip(*records, strict=True):
        assert one["step"] == other["step"]
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)
        assert one["val"] == pytest.approx(other["val"], abs=1e-5)


def test_two_processes_give_the_run_of_one(launcher: Launcher, alone: Path) -> None:
    """Seven samples in steps of three, the last one with a single sample: weights, scores and files of one process."""
    shared = launcher.run(2, "--epochs", "2")
    assert_same(shared, alone)
    assert json.loads((shared / "environment.json").read_text())["processes"] == 2
    assert {path.name for path in shared.iterdir()} == {path.name for path in alone.iterdir()}


@pytest.mark.parametrize("deal", ["evenly", pytest.param("size", marks=pytest.mark.full)])
def test_several_datasets_are_shared_as_one_is(launcher: Launcher, deal: str) -> None:
    """Of one class and of two, dealt evenly: which process has which dataset's samples changes nothing (issue 22)."""
    several = ("--data", "squares", "--data", "more=squares", "--set", f"data.deal={deal}")
    sizes = ("--set", "data.squares_cases=5", "--set", "data.more_cases=2", "--set", "data.more_classes=2")
    job = ("--arch", "solid", *several, *sizes, "--device", "cpu", "--batch-size", "3", "--epochs", "2")
    shared, alone = (launcher.run(processes, out=f"several-{deal}", job=job) for processes in (2, 1))
    assert_same(shared, alone)
    summaries = [json.loads((run / "summary.json").read_text()) for run in (shared, alone)]
    assert summaries[0]["datasets"] == summaries[1]["datasets"]
    assert set(summaries[0]["datasets"]) == {"squares", "more"}


@pytest.mark.full
@pytest.mark.parametrize("processes", [3, 5])
def test_more_processes_than_cases_give_the_run_of_one(launcher: Launcher, alone: Path, processes: int) -> None:
    """Some have no sample of a step, or no case to validate: nothing hangs, nothing changes."""
    assert_same(launcher.run(processes, "--epochs", "2"), alone)


def test_training_alone_is_shared_as_a_run_is(launcher: Launcher, alone: Path) -> None:
    """`segkit train` over two processes: one directory, one line that names the model, and the weights of a run."""
    process = launcher.start(2, "--epochs", "2", "--output", "trained", command="train")
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert stdout == f"model: {Path('trained/model.safetensors')}\n"
    found, expected = (load_file(run / "model.safetensors") for run in (launcher.folder / "trained", alone))
    assert all(float((found[name] - value).abs().max()) < 1e-5 for name, value in expected.items())


@pytest.mark.full
@pytest.mark.parametrize("output", [True, False], ids=["output", "name"])
@pytest.mark.parametrize("command", ["run", "train"])
def test_a_killed_process_ends_the_run_and_a_restart_goes_on(
    launcher: Launcher, undisturbed: Path, command: str, output: bool
) -> None:
    """kill -9 of one of two processes: torchrun starts both again and they resume, to the undisturbed files."""
    name = f"killed-{command}-{output}"
    place = ("--output", name) if output else ("--name", name)
    folder = launcher.folder / (name if output else f"runs/{name}-generated-sample")
    killed = launcher.start(2, "--epochs", "40", *place, restarts=1, command=command)
    state = folder / "last" / "state.safetensors"
    while not state.exists():
        assert killed.poll() is None, killed.communicate()[1]
        time.sleep(0.05)
    os.kill(worker_of(killed.pid, rank=1), signal.SIGKILL)
    _, stderr = killed.communicate(timeout=300)
    assert killed.returncode == 0, stderr
    assert "resuming in epoch" in stderr
    assert [path for path in folder.parent.iterdir() if path.name.startswith(name)] == [folder]
    if command == "train":
        found, expected = (load_file(run / "model.safetensors") for run in (folder, undisturbed))
        assert all(found[name].equal(value) for name, value in expected.items())
        return
    for file in ("model.safetensors", "cases.csv"):
        assert (folder / file).read_bytes() == (undisturbed / file).read_bytes()


@pytest.fixture(scope="module")
def undisturbed(launcher: Launcher) -> Path:
    """The same run with nobody killed."""
    process = launcher.start(2, "--epochs", "40", "--output", "undisturbed")
    assert process.wait(timeout=300) == 0
    return launcher.folder / "undisturbed"


def waiting(launcher: Launcher, **said: str) -> subprocess.Popen[str]:
    """A command in an environment that says it is one of several."""
    command = (sys.executable, "-m", "segkit", "run", *JOB, "--epochs", "1", "--output", "waits")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=launcher.folder, env=launcher.environ | said, **pipes)


def test_waiting_for_the_others_is_told_and_ends_at_once(launcher: Launcher) -> None:
    """Who was started alone says whom it waits for, and SIGTERM is heard meanwhile; nothing is lost."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    process = waiting(launcher, RANK="0", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    assert process.stderr is not None
    for line in process.stderr:
        if "waiting for the other processes of the run (2 in all)" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143, stderr
    assert "stopped by SIGTERM; go on with: segkit run --resume waits" in stderr


def test_without_an_address_nobody_is_waited_for(launcher: Launcher) -> None:
    """It is a usage error, before anything is made."""
    process = waiting(launcher, RANK="0", WORLD_SIZE="2")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "MASTER_ADDR is not" in stderr


def worker_of(launcher: int, rank: int) -> int:
    """Return the process that torchrun started as a rank."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            environ = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == launcher and f"RANK={rank}".encode() in environ:
            return int(folder.name)
    raise AssertionError("no such process")
