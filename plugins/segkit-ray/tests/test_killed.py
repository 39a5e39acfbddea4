"""`segkit compare --launcher ray` against a real Ray on loopback: the same table, whatever is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray")
pytest.importorskip("segkit_ray")

PROJECT = Path(__file__).resolve().parents[3]
PIP = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation")
GRID = (
    *("compare", "--arch", "net", "--arch", "supervised", "--data", "squares", "--device", "cpu"),
    *("--epochs", "12", "--set", "data.cases=4", "--set", "run.save_minutes=0"),
)
TABLES = ("scores.csv", "differences.csv", "cases.csv")
PATIENCE = 400

pytestmark = [pytest.mark.full, pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")]


class Place:
    """A folder in which the command runs beside the toy plugin, with a Ray of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        site = folder / "site"
        packages = [str(PROJECT / "tests" / "toy"), str(PROJECT / "plugins" / "segkit-ray")]
        subprocess.run([*PIP, "--target", str(site), *packages], check=True, timeout=300)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = str(one.getsockname()[1])
        self.on_ray = ("--launcher", "ray", "--jobs", "2", "--set", f"launcher.port={self.port}")
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SEGKIT_")},
            **{"PYTHONPATH": str(site), "SEGKIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
            "HOME": str(folder),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `segkit compare` of the grid."""
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "segkit", *GRID, *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self.environ, text=True, **pipes)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Carry it out."""
        process = self.start(*arguments)
        _, told = process.communicate(timeout=PATIENCE)
        return process.returncode, told

    def tables(self, output: str) -> list[str]:
        """What a comparison says."""
        return [(self.folder / output / name).read_text() for name in TABLES]

    def training(self, output: str) -> list[int]:
        """Wait until jobs train; returns them, halted, so that none ends before the test has done with them."""
        end = time.monotonic() + PATIENCE
        while not (jobs := processes("--resume", f"{self.folder}/{output}/")) or not list(
            (self.folder / output).glob("runs/*/history.jsonl")
        ):
            assert time.monotonic() < end, "no job began to train"
            time.sleep(0.1)
        for job in jobs:
            os.kill(job, signal.SIGSTOP)
        return jobs

    def kill_ray(self) -> bool:
        """Kill Ray with SIGKILL, if one runs; what it started ends with it."""
        found = processes("ray.scripts.scripts", f"--dashboard-port={self.port}")
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return bool(found)


def processes(*words: str) -> list[int]:
    """The processes, of Python itself and no shell that started one, whose command lines have some words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text()
        except OSError:
            continue
        if all(word in line for word in words) and line.split("\0")[1:2] == ["-m"]:
            found.append(int(path.parent.name))
    return found


def go_on(jobs: list[int]) -> None:
    """Let halted jobs go on."""
    for job in jobs:
        os.kill(job, signal.SIGCONT)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The folder, with the comparison made one after the other in it."""
    found = Place(tmp_path_factory.mktemp("ray"))
    code, told = found.run("--output", "serial")
    assert code == 0, told
    yield found
    found.kill_ray()


def test_the_command_is_killed(place: Place) -> None:
    """Its jobs go on with the Ray that it started, and are taken up."""
    process = place.start("--output", "command", *place.on_ray)
    jobs = place.training("command")
    process.kill()
    process.communicate()
    again = place.start("--output", "command", *place.on_ray)
    assert again.stderr is not None
    while "running, submitted before" not in again.stderr.readline():
        assert again.poll() is None
    go_on(jobs)
    _, told = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, told
    assert place.tables("command") == place.tables("serial")


def test_a_job_is_killed(place: Place) -> None:
    """It has failed, the others go on, and the same command resumes it."""
    process = place.start("--output", "job", *place.on_ray)
    jobs = place.training("job")
    os.kill(jobs[0], signal.SIGKILL)
    go_on(jobs[1:])
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, told
    assert told.count("ended by SIGKILL") == 2, told
    code, told = place.run("--output", "job", *place.on_ray)
    assert code == 0, told
    assert place.tables("job") == place.tables("serial")


def test_ray_is_killed(place: Place) -> None:
    """The command asks again, and once it is stopped the same one starts a Ray anew and goes on with the runs."""
    process = place.start("--output", "daemon", *place.on_ray)
    jobs = place.training("daemon")
    assert place.kill_ray()
    assert process.stderr is not None
    while "asking again" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM, told
    for job in jobs:
        if job in processes("--resume"):
            os.kill(job, signal.SIGCONT)
    code, told = place.run("--output", "daemon", *place.on_ray)
    assert code == 0, told
    assert place.tables("daemon") == place.tables("serial")
