"""Against a real Ray on loopback: jobs and their states, and the same table whatever is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray")
pytest.importorskip("segkit_ray")

from segkit import SegkitError
from segkit_ray.params import RayParams
from segkit_ray.ray_jobs import RayJobs, entrypoint

PROJECT = Path(__file__).resolve().parents[3]
PIP = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation")
GRID = (
    *("compare", "--arch", "net", "--arch", "supervised", "--data", "squares", "--device", "cpu", "--seeds", "2"),
    *("--epochs", "40"),
)
TABLES = ("scores.csv", "differences.csv", "cases.csv")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_cluster_that_does_not_answer(tmp_path) -> None:
    """It is named; nothing is started in its place."""
    launcher = RayJobs(RayParams(address=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(SegkitError, match=r"launcher ray: http://127\.0\.0\.1:\d+ does not answer; see: ray status"):
        launcher.submit(["true"], tmp_path)
    assert launcher.head is None


def test_asking_starts_nothing(tmp_path) -> None:
    """Where no Ray runs on this machine, jobs of a command before are unknown, and their runs are resumed."""
    launcher = RayJobs(RayParams(port=free_port()))
    assert launcher.state("segkit-x") == "unknown"
    launcher.cancel("segkit-x")
    assert launcher.reason("segkit-x") == ""
    assert launcher.head is None


def test_an_address_of_something_else() -> None:
    """That of the cluster itself is no dashboard's."""
    with pytest.raises(ValueError, match=r"address=ray://head:10001 is none of a dashboard: write http://HOST:8265"):
        RayParams(address="ray://head:10001")


def test_what_a_job_is(tmp_path, monkeypatch) -> None:
    """A line that any shell takes, in this directory, its words and variables as they are; no secrets."""
    folder = tmp_path / "logs of 'one'"
    folder.mkdir()
    monkeypatch.chdir(folder)
    line = entrypoint([sys.executable, "-c", "import os; print(os.getcwd(), 'a b')"], folder)
    subprocess.run(["sh", "-c", line], check=True, cwd="/")
    assert (folder / "job.log").read_text() == f"{folder} a b\n"
    assert line in RayJobs(RayParams()).script(
        [([sys.executable, "-c", "import os; print(os.getcwd(), 'a b')"], folder)]
    )
    monkeypatch.setenv("SEGKIT_CACHE", "/cache")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    passed = RayJobs(RayParams(cpus=3)).variables()
    assert (passed["SEGKIT_CACHE"], passed["OMP_NUM_THREADS"]) == ("/cache", "3")
    assert "WANDB_API_KEY" not in passed


@pytest.mark.full
def test_jobs_and_their_states(tmp_path, monkeypatch) -> None:
    """A cluster that is started and ended; jobs that end well, fail, are killed, are cancelled, and wait."""
    monkeypatch.chdir(tmp_path)
    launcher = RayJobs(RayParams(port=free_port()))
    try:
        commands = (["true"], ["false"], ["sh", "-c", "kill -9 $$"], ["sleep", "300"])
        ids = [launcher.submit(command, tmp_path) for command in commands]
        waiting = RayJobs(RayParams(port=launcher.params.port, cpus=1000)).submit(["true"], tmp_path)
        end = time.monotonic() + 180
        while any(launcher.state(id) in ("waiting", "running") for id in ids[:3]):
            assert time.monotonic() < end
            time.sleep(1)
        assert [launcher.state(id) for id in ids[:3]] == ["finished", "failed", "failed"]
        assert [launcher.reason(id) for id in ids[1:3]] == ["", "ended by SIGKILL"]
        assert launcher.state(waiting) == "waiting"
        launcher.cancel(ids[3])
        while launcher.state(ids[3]) in ("waiting", "running"):
            assert time.monotonic() < end
            time.sleep(1)
        assert launcher.state(ids[3]) == "failed"
        assert launcher.state("segkit-of-another-cluster") == "unknown"
    finally:
        launcher.close()
    with pytest.raises(SegkitError, match="launcher ray: http"):
        launcher.states(["x"])


@pytest.mark.full
def test_the_same_table_whatever_is_killed(tmp_path) -> None:
    """One after the other; on Ray; the command and Ray itself killed in the middle."""
    site = tmp_path / "site"
    packages = [str(PROJECT / "tests" / "toy"), str(PROJECT / "plugins" / "segkit-ray")]
    subprocess.run([*PIP, "--target", str(site), *packages], check=True, timeout=300)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SEGKIT_")},
        **{"PYTHONPATH": str(site), "SEGKIT_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
    }
    on_ray = ("--launcher", "ray", "--jobs", "2", "--set", f"launcher.port={free_port()}")

    def start(*arguments: str) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, "-m", "segkit", *GRID, *arguments], cwd=tmp_path, env=environ, text=True, **pipes
        )

    def run(*arguments: str) -> str:
        process = start(*arguments)
        _, told = process.communicate(timeout=900)
        assert process.returncode == 0, told
        return told

    def tables(output: str) -> list[str]:
        return [(tmp_path / output / name).read_text() for name in TABLES]

    def training(output: str) -> None:
        end = time.monotonic() + 240
        while not list((tmp_path / output).glob("runs/*/history.jsonl")):
            assert time.monotonic() < end
            time.sleep(0.1)

    run("--output", "serial")
    process = start("--output", "killed", *on_ray)
    training("killed")
    process.kill()
    process.communicate()
    assert "submitted before" in run("--output", "killed", *on_ray)
    assert tables("killed") == tables("serial")

    # That cluster is of the command that was killed, and still there; now it goes, with the jobs that it has.
    process = start("--output", "ray", *on_ray)
    training("ray")
    for pid in processes("ray.scripts.scripts", on_ray[-1].partition("=")[2]):
        os.kill(pid, signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    run("--output", "ray", *on_ray)
    assert tables("ray") == tables("serial")


def processes(*words: str) -> list[int]:
    """The processes whose command lines have some words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text()
        except OSError:
            continue
        if all(word in line for word in words):
            found.append(int(path.parent.name))
    return found
