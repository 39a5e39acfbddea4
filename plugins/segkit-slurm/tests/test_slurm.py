"""Against a real SLURM: the same table, whatever is killed, and a run that goes on over its time limit."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("segkit_slurm")

from segkit import SegkitError
from segkit_slurm import slurm
from segkit_slurm.params import SlurmParams
from segkit_slurm.slurm import Slurm

GRID = (
    *("compare", "--arch", "net", "--arch", "supervised", "--data", "squares", "--device", "cpu", "--epochs", "40"),
    *("--set", "data.cases=4", "--set", "run.save_minutes=0"),
)
TABLES = ("scores.csv", "differences.csv", "cases.csv")


@pytest.fixture
def launcher(cluster, monkeypatch, tmp_path):
    """The launcher of this process on the cluster."""
    monkeypatch.setenv("SLURM_CONF", cluster.environ["SLURM_CONF"])
    monkeypatch.chdir(tmp_path)
    return Slurm(SlurmParams())


def ended(launcher: Slurm, id: str) -> str:
    """Wait until a job has ended."""
    end = time.monotonic() + 60
    while (state := launcher.state(id)) in ("waiting", "running"):
        assert time.monotonic() < end
        time.sleep(0.3)
    return state


def test_jobs_and_their_states(launcher, tmp_path) -> None:
    """More jobs than an array takes (3 here) are several arrays; each has its own log, state and reason."""
    folders = [tmp_path / name for name in ("a", "b c", "d", "e")]
    for folder in folders:
        folder.mkdir()
    commands = (["echo", "it's $HOME"], ["false"], ["pwd"], ["sleep", "60"])
    ids = launcher.submit_all(list(zip(commands, folders, strict=True)), None)
    assert len({id.partition("_")[0] for id in ids}) == 2
    assert [ended(launcher, id) for id in ids[:3]] == ["finished", "failed", "finished"]
    assert (folders[0] / "job.log").read_text() == "it's $HOME\n"
    assert (folders[2] / "job.log").read_text() == f"{tmp_path}\n"
    assert launcher.reason(ids[1]) == ""
    launcher.cancel(ids[3])
    assert ended(launcher, ids[3]) == "failed"
    assert launcher.reason(ids[3]) == "SLURM: CANCELLED: somebody cancelled it"
    assert launcher.state("999999_0") == "unknown"


def test_a_task_is_queued_again_alone(cluster, launcher, tmp_path) -> None:
    """The last task of an array, whose number of a job is the array's own, leaves the others where they are."""
    folders = [tmp_path / name for name in ("first", "last")]
    for folder in folders:
        folder.mkdir()
    run = ["sh", "-c", "trap 'kill $!; exit 143' TERM; echo began; sleep 120 & wait"]
    ids = launcher.submit_all([(run, folder) for folder in folders], None)
    end = time.monotonic() + 60
    while not all((folder / "job.log").exists() and (folder / "job.log").read_text() for folder in folders):
        assert time.monotonic() < end
        time.sleep(0.3)
    cluster.call("scancel", "--signal=USR1", "--batch", ids[1])
    while launcher.state(ids[1]) != "waiting":
        assert time.monotonic() < end
        time.sleep(0.3)
    assert launcher.states(ids) == {ids[0]: "running", ids[1]: "waiting"}
    assert (folders[0] / "job.log").read_text() == "began\n"
    assert "saved before the time limit; queued again" in (folders[1] / "job.log").read_text()
    launcher.cancel(ids[0].partition("_")[0])
    assert [ended(launcher, id) for id in ids] == ["failed", "failed"]


def test_what_slurm_refuses(cluster, launcher, tmp_path) -> None:
    """In its own words, as one line."""
    launcher.params = SlurmParams(partition="nowhere")
    with pytest.raises(SegkitError, match=r"launcher slurm: sbatch: error: .*Invalid partition name specified"):
        launcher.submit(["true"], tmp_path)


def test_one_array_that_is_refused_takes_the_others_back(launcher, tmp_path, monkeypatch) -> None:
    """No job goes on that nobody knows of."""
    submit, given = slurm.submitted, []

    def second_refused(script: str) -> str:
        if given:
            raise SegkitError("launcher slurm: sbatch: error: job submit limit reached", "see: sinfo")
        given.append(submit(script))
        return given[-1]

    monkeypatch.setattr(slurm, "submitted", second_refused)
    with pytest.raises(SegkitError, match="submit limit reached"):
        launcher.submit_all([(["sleep", "60"], tmp_path)] * 4, None)
    assert [ended(launcher, f"{given[0]}_{number}") for number in range(3)] == ["failed"] * 3


def test_a_machine_without_slurm(monkeypatch, tmp_path) -> None:
    """It says so before anything is prepared."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SegkitError, match="there is no sbatch on this machine; go to a machine that submits"):
        Slurm(SlurmParams())


@pytest.mark.full
def test_the_same_table_whatever_is_killed(cluster) -> None:
    """One after the other; on SLURM; the command, a job and both daemons killed in the middle."""
    cluster.run(*GRID, "--output", "serial")
    work = cluster.folder / "work"

    def tables(output: str) -> list[str]:
        return [(work / output / name).read_text() for name in TABLES]

    cluster.run(*GRID, "--output", "whole", "--launcher", "slurm")
    assert tables("whole") == tables("serial")

    def training(output: str) -> None:
        end = time.monotonic() + 240
        while not list((work / output).glob("runs/*/history.jsonl")):
            assert time.monotonic() < end
            time.sleep(0.1)

    process = cluster.segkit(*GRID, "--output", "killed", "--launcher", "slurm")
    training("killed")
    halted = runs_under_way(work / "killed")  # on a busy machine they would end before the command begins again
    for run in halted:
        os.kill(run, signal.SIGSTOP)
    process.kill()
    process.communicate()
    again = cluster.segkit(*GRID, "--output", "killed", "--launcher", "slurm")
    assert again.stderr is not None
    while "running, submitted before" not in again.stderr.readline():
        assert again.poll() is None
    for run in halted:
        os.kill(run, signal.SIGCONT)
    _, told = again.communicate(timeout=900)
    assert again.returncode == 0, told
    assert tables("killed") == tables("serial")

    process = cluster.segkit(*GRID, "--output", "daemons", "--launcher", "slurm")
    training("daemons")
    for daemon in ("slurmctld", "slurmd"):
        cluster.kill(daemon)
    time.sleep(5)
    for daemon in ("slurmctld", "slurmd"):
        cluster.start(daemon)
    _, told = process.communicate(timeout=900)
    assert process.returncode == 0, told
    assert tables("daemons") == tables("serial")

    process = cluster.segkit(*GRID, "--output", "job", "--launcher", "slurm")
    training("job")
    os.kill(runs_under_way(work / "job")[0], signal.SIGKILL)
    _, told = process.communicate(timeout=900)
    assert process.returncode == 1, told
    assert "it ended without a word" in told
    cluster.run(*GRID, "--output", "job", "--launcher", "slurm")
    assert tables("job") == tables("serial")


def runs_under_way(place: Path) -> list[int]:
    """The processes that write runs there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text().split("\0")
        except OSError:
            continue
        if words[1:3] == ["-m", "segkit"] and f"{place}/runs/" in words[-2]:
            found.append(int(path.parent.name))
    assert found, "no run was under way"
    return found


@pytest.mark.full
def test_over_its_time_limit_a_run_goes_on_by_itself(cluster) -> None:
    """To the weights of a run that nobody stopped; SLURM holds what is queued again for two minutes.

    The runs are halted in the middle until SLURM has sent its word, however fast or slow the machine is.
    """
    short = [*GRID[:3], *GRID[5:], "--vary", "arch.width=3", "--vary", "arch.width=4"]
    cluster.run(*short, "--output", "short")
    limits = ("--set", "launcher.time=4", "--set", "launcher.grace=120")
    process = cluster.segkit(*short, "--output", "limited", "--launcher", "slurm", *limits)
    work = cluster.folder / "work"
    end = time.monotonic() + 600
    while not list(work.glob("limited/runs/*/history.jsonl")):
        assert time.monotonic() < end
        time.sleep(0.05)
    halted = runs_under_way(work / "limited")
    for run in halted:
        os.kill(run, signal.SIGSTOP)
    for run in halted:
        while not asked_to_stop(run):
            assert time.monotonic() < end
            time.sleep(0.3)
        os.kill(run, signal.SIGCONT)
    _, told = process.communicate(timeout=900)
    assert process.returncode == 0, told
    logs = [path.read_text() for path in work.glob("limited/.jobs/*/job.log")]
    assert any("saved before the time limit; queued again" in log for log in logs), told
    assert any("resuming" in log for log in logs)
    for run in (work / "short" / "runs").iterdir():
        other = work / "limited" / "runs" / run.name / "model.safetensors"
        assert other.read_bytes() == (run / "model.safetensors").read_bytes()


def asked_to_stop(run: int) -> bool:
    """Whether SIGTERM waits for a process that is halted."""
    lines = Path(f"/proc/{run}/status").read_text().splitlines()
    waiting = next(int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd:"))
    return bool(waiting >> (signal.SIGTERM - 1) & 1)
