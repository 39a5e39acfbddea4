"""`segkit compare --jobs` with real processes, killed: the table is that of runs one after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
GRID = ("--arch", "net", "--arch", "supervised", "--data", "squares", "--device", "cpu", "--seeds", "2")
LONG = ("--epochs", "40", "--set", "run.save_minutes=0")
TABLES = ("scores.csv", "differences.csv", "cases.csv")

pytestmark = [pytest.mark.full, pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")]


class Place:
    """A folder in which the command runs beside the toy plugin."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SEGKIT_")},
            "PYTHONPATH": str(site),
            "SEGKIT_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `segkit compare` of the grid."""
        command = [sys.executable, "-m", "segkit", "compare", *GRID, *LONG, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=self.environ, text=True, **pipes)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Carry it out."""
        process = self.start(*arguments)
        _, told = process.communicate(timeout=600)
        return process.returncode, told

    def tables(self, output: str) -> list[str]:
        """What a comparison says."""
        return [(self.folder / output / name).read_text() for name in TABLES]

    def jobs(self, output: str) -> list[int]:
        """The processes of its jobs."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_text().split("\0")
            except OSError:
                continue
            if "--resume" in words and f"{self.folder}/{output}/" in " ".join(words):
                found.append(int(path.parent.name))
        return found

    def training(self, output: str) -> None:
        """Wait until a job trains."""
        end = time.monotonic() + 120
        while not list((self.folder / output).glob("runs/*/history.jsonl")):
            assert time.monotonic() < end, "no job began to train"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def place(install_source, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The folder, with the comparison made one after the other in it."""
    found = Place(tmp_path_factory.mktemp("launched"), install_source([PROJECT / "tests" / "toy"]))
    assert found.run("--output", "serial")[0] == 0
    return found


def test_two_at_a_time(place: Place) -> None:
    """The same table to the last digit."""
    code, told = place.run("--output", "two", "--jobs", "2")
    assert code == 0, told
    assert place.tables("two") == place.tables("serial")


def test_the_command_is_killed(place: Place) -> None:
    """Its jobs go on and are taken up; nothing is trained twice."""
    process = place.start("--output", "killed", "--jobs", "2")
    place.training("killed")
    process.kill()
    process.communicate()
    left = place.jobs("killed")
    assert left
    for job in left:
        os.kill(job, signal.SIGSTOP)
    again = place.start("--output", "killed", "--jobs", "2")
    assert again.stderr is not None
    while "running, submitted before" not in again.stderr.readline():
        assert again.poll() is None
    for job in left:
        os.kill(job, signal.SIGCONT)
    _, told = again.communicate(timeout=600)
    assert again.returncode == 0, told
    assert place.tables("killed") == place.tables("serial")


def test_a_job_is_killed(place: Place) -> None:
    """It has failed, the others go on, and the same command resumes it."""
    process = place.start("--output", "job", "--jobs", "2")
    place.training("job")
    os.kill(place.jobs("job")[0], signal.SIGKILL)
    _, told = process.communicate(timeout=600)
    assert process.returncode == 1, told
    assert told.count("ended by SIGKILL, as systems do where memory runs out") == 2
    assert place.run("--output", "job", "--jobs", "2")[0] == 0
    assert place.tables("job") == place.tables("serial")


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_the_command_is_stopped(place: Place, asked: signal.Signals) -> None:
    """Its jobs save and stop with it, and the same command goes on with them."""
    output = asked.name
    process = place.start("--output", output, "--jobs", "2")
    place.training(output)
    process.send_signal(asked)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 128 + asked, told
    assert "the same command goes on where it was" in told
    assert not place.jobs(output)
    assert place.run("--output", output, "--jobs", "2")[0] == 0
    assert place.tables(output) == place.tables("serial")
