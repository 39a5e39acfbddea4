"""What people can set of the launcher: what each job asks SLURM for."""

from __future__ import annotations

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class SlurmParams:
    """Params of slurm, for each job alone; what is none is left to the cluster."""

    partition: str | None = segkit.param(None, "Partition, or several, as a,b.")
    account: str | None = segkit.param(None, "Account that is charged.")
    gpus: int = segkit.param(0, "GPUs of a job; a run uses one.", min=0, max=64)
    cpus: int | None = segkit.param(None, "Processors of a job, and its threads unless OMP_NUM_THREADS is set.", min=1)
    memory: int | None = segkit.param(None, "Memory of a job in MB.", min=1)
    time: int | None = segkit.param(None, "Minutes after which SLURM ends a job; it saves and is queued again.", min=1)
    grace: int = segkit.param(120, "Seconds before that in which a run saves.", min=1, max=65_535)
    options: tuple[str, ...] = segkit.param((), "Further options of sbatch, such as --constraint=a100.")

    def __post_init__(self) -> None:
        if self.time is not None and self.grace >= 60 * self.time:
            raise ValueError(
                f"grace={self.grace} seconds are all of time={self.time} minutes: nothing would be trained"
            )
        if wrong := [option for option in self.options if not option.startswith("--") or not option.isprintable()]:
            raise ValueError(f"options={wrong[0]!r} is no option of sbatch: write --name=value")
