"""The script of an array job: one command line per task, stopped in time and queued again until it has ended."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from segkit_slurm.params import SlurmParams

LOG = "job.log"
BEGIN_ANEW = (["segkit", "evaluate"], ["segkit", "predict"])
"""Commands that keep nothing when they are stopped: queued again, they would come to the same end for ever."""
BODY = """\
exec >>"$log" 2>&1
again=
trap 'told=yes; kill -TERM "$run"' TERM
trap 'told=yes; again=yes; kill -TERM "$run"' USR1
"$@" &
run=$!
# A signal ends the waiting, not the run, which finishes its step and saves; and whether it still runs says nothing of
# which code was got. Asked once more, bash also gives the code of a run that has ended.
told=yes
while [ "$told" ]; do
    told=
    wait "$run"
    code=$?
done
if [ "$again" ] && [ "$code" = 143 ] && [ "$anew" ]; then
    echo "error: its time was over before it ended; say --set launcher.time=MINUTES"
elif [ "$again" ] && [ "$code" = 143 ]; then
    echo "saved before the time limit; queued again"
    # Not SLURM_JOB_ID: that of an array's last task is the array's own, and all of its tasks would be queued again.
    exec scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
"""
"""SIGUSR1 is SLURM's word that time is nearly over; SIGTERM that of preemption, after which SLURM queues again itself,
and of scancel, after which nobody does. 143: the run was stopped and has saved."""


def array_script(jobs: Sequence[tuple[Sequence[str], Path]], at_once: int | None, params: SlurmParams) -> str:
    """Return the script of jobs, each a command line and the folder of its log."""
    cases = [
        f"{number}) log={shlex.quote(str(folder / LOG))}; {begins_anew(arguments)}set -- {shlex.join(arguments)} ;;"
        for number, (arguments, folder) in enumerate(jobs)
    ]
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {option}" for option in options(len(jobs), at_once, params)),
        *(["export OMP_NUM_THREADS=${OMP_NUM_THREADS:-" + str(params.cpus) + "}"] if params.cpus else []),
        "anew=",
        'case "$SLURM_ARRAY_TASK_ID" in',
        *cases,
        "esac",
    ]
    return "\n".join(lines) + "\n" + BODY


def begins_anew(arguments: Sequence[str]) -> str:
    """Say of a command that it begins anew, for the script."""
    return "anew=yes; " if list(arguments[2:4]) in BEGIN_ANEW else ""


def options(count: int, at_once: int | None, params: SlurmParams) -> Iterator[str]:
    """Yield the options of sbatch."""
    yield "--job-name=segkit"
    yield f"--array=0-{count - 1}" + (f"%{at_once}" if at_once else "")
    yield "--nodes=1"
    yield "--ntasks=1"
    yield "--requeue"
    yield "--output=/dev/null"
    if params.time is not None:
        yield f"--time={params.time}"
        yield f"--signal=B:USR1@{params.grace}"
    for name, value in (
        ("partition", params.partition),
        ("account", params.account),
        ("gpus", params.gpus or None),
        ("cpus-per-task", params.cpus),
        ("mem", None if params.memory is None else f"{params.memory}M"),
    ):
        if value is not None:
            yield f"--{name}={value}"
    yield from params.options
