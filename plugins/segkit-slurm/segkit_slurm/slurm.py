"""SLURM's own commands: sbatch, squeue, scancel, scontrol."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from segkit import SegkitError
from segkit_slurm.params import SlurmParams
from segkit_slurm.script import array_script

Jobs = Sequence[tuple[Sequence[str], Path]]
COMMANDS = ("sbatch", "squeue", "scancel", "scontrol")
WAITING = (
    "PENDING",
    "CONFIGURING",
    "REQUEUED",
    "REQUEUE_FED",
    "REQUEUE_HOLD",
    "RESV_DEL_HOLD",
    "SUSPENDED",
    "SPECIAL_EXIT",
)
RUNNING = ("RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "STOPPED", "RESIZING")
MEANING = {
    "OUT_OF_MEMORY": "it used more memory than it asked for; say --set launcher.memory=MB",
    "TIMEOUT": "it did not stop within its time; say --set launcher.time=MINUTES, or a longer launcher.grace",
    "PREEMPTED": "others went before it",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "DEADLINE": "its deadline came before its end",
    "CANCELLED": "somebody cancelled it",
}
ARRAY = 1000
"""Tasks of an array where SLURM does not say what it takes: its own default allows 1001."""
PATIENCE = 60


class Slurm:
    """A launcher of array jobs; jobs go on whether or not anybody watches them."""

    pause = 2.0

    def __init__(self, params: SlurmParams) -> None:
        self.params = params
        missing = [command for command in COMMANDS if shutil.which(command) is None]
        if missing:
            raise SegkitError(
                f"launcher slurm: there is no {missing[0]} on this machine", "go to a machine that submits to SLURM"
            )
        self.ended: dict[str, str] = {}

    def submit(self, arguments: Sequence[str], folder: Path) -> str:
        """Submit one job."""
        return self.submit_all([(arguments, folder)], None)[0]

    def submit_all(self, jobs: Jobs, at_once: int | None) -> list[str]:
        """Submit jobs as arrays, as few as the cluster allows; all of them, or none where SLURM refuses one."""
        ids: list[str] = []
        arrays: list[str] = []
        for part in self.parts(jobs):
            try:
                arrays.append(submitted(array_script(part, at_once, self.params)))
            except SegkitError:
                for array in arrays:
                    self.cancel(array)
                raise
            ids += [f"{arrays[-1]}_{number}" for number in range(len(part))]
        return ids

    def parts(self, jobs: Jobs) -> list[Jobs]:
        """Cut jobs into arrays that SLURM takes."""
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", call("scontrol", "show", "config"), re.MULTILINE)
        most = max(1, int(found[1]) - 1) if found else ARRAY
        return [jobs[begin : begin + most] for begin in range(0, len(jobs), most)]

    def script(self, jobs: Jobs, at_once: int | None) -> str:
        """Return what would be submitted."""
        return array_script(jobs, at_once, self.params)

    def states(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Say where jobs are; what SLURM has forgotten is unknown, and the run's directory says how it ended."""
        told = call("squeue", "--me", "--noheader", "--array", "--states=all", "--format=%i|%T")
        wanted, found = set(ids), {}
        for line in told.splitlines():
            id, _, state = line.strip().partition("|")
            if id not in wanted:
                continue
            if state in WAITING or state in RUNNING:
                found[id] = "running" if state in RUNNING else "waiting"
                self.ended.pop(id, None)
            else:
                found[id] = "finished" if state == "COMPLETED" else "failed"
                self.ended[id] = state
        return found

    def state(self, id: str) -> str:
        """Say where one job is."""
        return self.states([id]).get(id, "unknown")

    def reason(self, id: str) -> str:
        """Say why SLURM ended a job; "" where the job ended by itself."""
        state = self.ended.get(id, "")
        return f"SLURM: {state}: {MEANING[state]}" if state in MEANING else ""

    def cancel(self, id: str) -> None:
        """Take a job out of the queue, or stop it once it has saved."""
        call("scancel", id)


def submitted(script: str) -> str:
    """Return the number that SLURM gives a job; raises SegkitError where it refuses it."""
    told = call("sbatch", "--parsable", given=script)
    job = told.strip().partition(";")[0]
    if not job.isdecimal():
        raise SegkitError(f"launcher slurm: sbatch answered {told!r}, no number of a job", "see whether it runs")
    return job


def call(command: str, *arguments: str, given: str = "") -> str:
    """Return what a command of SLURM prints; raises SegkitError with its own last line where it fails."""
    try:
        done = subprocess.run(
            [command, *arguments], input=given, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SegkitError(
            f"launcher slurm: {command} does not answer ({type(error).__name__})", "see: sinfo"
        ) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise SegkitError(f"launcher slurm: {lines[-1]}", "see: sinfo")
    return done.stdout
