"""The script does what it says without SLURM: bash runs it, with a stand-in for scontrol."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("segkit_slurm")

from segkit_slurm.params import SlurmParams
from segkit_slurm.script import array_script
from segkit_slurm.slurm import COMMANDS, Slurm

RUN = """
import os, signal, sys, time
def stop(*_):
    print("saved", flush=True)
    os._exit(143)
signal.signal(signal.SIGTERM, stop)
print("began", os.getpid(), "", flush=True)
time.sleep(60)
"""


def test_what_sbatch_is_told():
    """Every param is an option, what is none is not, and what SLURM has to know is always there."""
    params = SlurmParams("gpu,long", "lab", 1, 8, 32_000, 240, 300, ("--constraint=a100",))
    script = array_script([(["segkit", "run"], Path("/logs a/one"))] * 3, 2, params)
    told = [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH")]
    assert told == [
        "--job-name=segkit",
        "--array=0-2%2",
        "--nodes=1",
        "--ntasks=1",
        "--requeue",
        "--output=/dev/null",
        "--time=240",
        "--signal=B:USR1@300",
        "--partition=gpu,long",
        "--account=lab",
        "--gpus=1",
        "--cpus-per-task=8",
        "--mem=32000M",
        "--constraint=a100",
    ]
    assert "2) log='/logs a/one/job.log'; set -- segkit run ;;" in script
    assert "--time" not in array_script([(["x"], Path("/logs"))], None, SlurmParams())


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"time": 2, "grace": 120}, "grace=120 seconds are all of time=2 minutes"),
        ({"options": ("constraint=a100",)}, "is no option of sbatch"),
        ({"options": ("--comment=a\nrm -r /",)}, "is no option of sbatch"),
    ],
)
def test_values_that_do_not_go_together(values, told):
    """Told as the user's own sentence."""
    with pytest.raises(ValueError, match=told):
        SlurmParams(**values)


def started(tmp_path, *arguments):
    """Run the script's second task under bash, with a stand-in for scontrol; returns it once it has begun."""
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "scontrol").write_text('#!/bin/sh\necho "$@" >"$(dirname "$0")/called"\n')
    (bin / "scontrol").chmod(0o755)
    folder = tmp_path / "logs of 'one'"
    folder.mkdir()
    script = array_script([(["false"], tmp_path), (arguments, folder)], None, SlurmParams(cpus=3))
    environ = {**os.environ, "PATH": f"{bin}:{os.environ['PATH']}", "SLURM_JOB_ID": "17"}
    environ |= {"SLURM_ARRAY_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "1"}
    environ.pop("OMP_NUM_THREADS", None)
    process = subprocess.Popen(["bash", "-c", script], env=environ)
    end = time.monotonic() + 30
    while "began" not in ((folder / "job.log").read_text() if (folder / "job.log").exists() else ""):
        assert time.monotonic() < end
        time.sleep(0.02)
    return process, bin / "called", folder / "job.log"


def test_time_that_is_nearly_over_queues_it_again(tmp_path):
    """The run is asked to save, and once it has, its job is queued again: itself alone of the array."""
    process, called, log = started(tmp_path, sys.executable, "-c", RUN)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 0
    assert called.read_text() == "requeue 17_1\n"
    assert "saved before the time limit; queued again" in log.read_text()


def test_what_begins_anew_is_not_queued_again(tmp_path):
    """Scores and predictions keep nothing when they are stopped: told, with the way out, not tried for ever."""
    (tmp_path / "run.py").write_text(RUN)
    process, called, log = started(tmp_path, sys.executable, str(tmp_path / "run.py"), "segkit", "evaluate", "run")
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 143
    assert not called.exists()
    assert log.read_text().endswith("error: its time was over before it ended; say --set launcher.time=MINUTES\n")


def test_a_run_that_ends_before_its_script_looks_has_saved_too(tmp_path):
    """Its code is the run's own, not that of the signal: the script is held while the run stops and SIGUSR1 comes."""
    process, called, log = started(tmp_path, sys.executable, "-c", RUN)
    process.send_signal(signal.SIGSTOP)
    os.kill(int(log.read_text().split()[1]), signal.SIGTERM)
    end = time.monotonic() + 30
    while "saved" not in log.read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGUSR1)
    process.send_signal(signal.SIGCONT)
    assert process.wait(30) == 0
    assert called.read_text() == "requeue 17_1\n"


def test_who_cancels_is_not_queued_again(tmp_path):
    """SIGTERM is passed on, and the code is the run's."""
    process, called, _ = started(tmp_path, sys.executable, "-c", RUN)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert not called.exists()


def test_a_run_that_ends_in_its_last_minutes_has_ended(tmp_path):
    """Whatever SLURM said by then."""
    run = "import signal, time; signal.signal(15, lambda *_: None); print('began', flush=True); time.sleep(1)"
    process, called, _ = started(tmp_path, sys.executable, "-c", run)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 0
    assert not called.exists()


def test_code_and_threads_are_the_runs(tmp_path):
    """A run that fails fails its job; its threads are the job's processors."""
    run = "import os, sys; print('began', os.environ['OMP_NUM_THREADS'], flush=True); sys.exit(5)"
    process, _, log = started(tmp_path, sys.executable, "-c", run)
    assert process.wait(30) == 5
    assert log.read_text() == "began 3\n"


STATES = {
    "PENDING": ("waiting", ""),
    "REQUEUED": ("waiting", ""),
    "RUNNING": ("running", ""),
    "COMPLETED": ("finished", ""),
    "FAILED": ("failed", ""),
    "OUT_OF_MEMORY": ("failed", "it used more memory than it asked for; say --set launcher.memory=MB"),
    "TIMEOUT": ("failed", "it did not stop within its time; say --set launcher.time=MINUTES, or a longer launcher."),
    "PREEMPTED": ("failed", "others went before it"),
    "NODE_FAIL": ("failed", "its node failed"),
    "DEADLINE": ("failed", "its deadline came before its end"),
    "BOOT_FAIL": ("failed", "its node did not start"),
}


def test_what_slurm_did_to_a_job(tmp_path, monkeypatch):
    """Killed for its memory, its time or others: each told in SLURM's own word, with the way out where there is one."""
    lines = "\\n".join(f"7_{number}|{state}" for number, state in enumerate(STATES))
    for name in COMMANDS:
        (tmp_path / name).write_text(f'#!/bin/sh\nprintf "{lines}\\n"\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    launcher = Slurm(SlurmParams())
    ids = [f"7_{number}" for number in range(len(STATES))]
    told = launcher.states([*ids, "8_0"])
    assert [told[id] for id in ids] == [state for state, _ in STATES.values()]
    assert "8_0" not in told
    for id, (state, (_, reason)) in zip(ids, STATES.items(), strict=True):
        assert launcher.reason(id).startswith(f"SLURM: {state}: {reason}" if reason else "")
        assert bool(launcher.reason(id)) == bool(reason)
