"""The core's launcher: processes, their states, threads and devices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from segkit.jobs.launch.local import Local, LocalParams

SAY = [sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'], os.environ.get('CUDA_VISIBLE_DEVICES'))"]
WAIT = [sys.executable, "-c", "import time; time.sleep(60)"]


def ended(launcher: Local, id: str) -> str:
    """Wait until a job has ended."""
    while launcher.state(id) == "running":
        time.sleep(0.02)
    return launcher.state(id)


@pytest.fixture(autouse=True)
def no_threads_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says how many threads."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_threads_and_devices_are_dealt_out(tmp_path) -> None:
    """Each job gets the threads it is to have and the device on which fewest run."""
    launcher = Local(LocalParams(threads=3, devices=("4", "7")), 2)
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    waiting = launcher.submit(WAIT, folders[0])
    assert ended(launcher, launcher.submit(SAY, folders[1])) == "finished"
    assert (folders[1] / "job.log").read_text() == "3 7\n"
    launcher.cancel(waiting)
    assert ended(launcher, waiting) == "failed"


def test_cores_are_shared_out_unless_somebody_said(monkeypatch) -> None:
    """The cores by the jobs; OMP_NUM_THREADS stands."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert Local(LocalParams(devices=("0",)), 4).threads == 4
    assert Local(LocalParams(devices=("0",)), 40).threads == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert Local(LocalParams(devices=("0",)), 4).threads is None


def test_a_job_of_a_command_before_is_known(tmp_path) -> None:
    """By its number and when it was started; not once it is gone, nor by the number alone."""
    first, second = (Local(LocalParams(devices=("0",)), 1) for _ in range(2))
    id = first.submit(WAIT, tmp_path)
    assert second.state(id) == "running"
    assert second.state(id.partition("-")[0] + "-1") == "unknown"
    second.cancel(id)
    assert ended(first, id) == "failed"
    assert second.state(id) == "unknown"
    assert first.reason(id) == "ended by SIGTERM"


def test_a_killed_job_says_by_what(tmp_path) -> None:
    """SIGKILL is what a machine without memory sends."""
    launcher = Local(LocalParams(devices=("0",)), 1)
    id = launcher.submit(WAIT, tmp_path)
    os.kill(int(id.partition("-")[0]), signal.SIGKILL)
    assert ended(launcher, id) == "failed"
    assert launcher.reason(id) == "ended by SIGKILL, as systems do where memory runs out"


@pytest.mark.parametrize("id", ["", "x", "x-1", "-1", "1", "../1-1"])
def test_an_id_that_it_never_gave_is_unknown(id) -> None:
    """What stands in a file that anybody may have written is no number, or of no process."""
    launcher = Local(LocalParams(devices=("0",)), 1)
    assert launcher.state(id) == "unknown"
    launcher.cancel(id)


def test_ctrl_c_in_the_terminal_reaches_no_job(tmp_path) -> None:
    """A job is the leader of a session of its own: the command stops it, not the terminal."""
    launcher = Local(LocalParams(devices=("0",)), 1)
    id = launcher.submit(WAIT, tmp_path)
    pid = int(id.partition("-")[0])
    assert os.getsid(pid) == pid
    launcher.cancel(id)
    ended(launcher, id)


def test_the_script_can_be_pasted_into_a_shell(tmp_path) -> None:
    """What --dry-run shows does what the launcher does."""
    launcher = Local(LocalParams(threads=2, devices=("3",)), 1)
    script = launcher.script([(SAY, tmp_path)])
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "2 3\n"
