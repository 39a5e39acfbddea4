"""Runs as jobs of SLURM, by its own commands; no accounting is needed."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Launcher, hookimpl


@hookimpl
def segkit_launchers() -> list[Launcher]:
    """Return the launcher."""
    return [
        Launcher(
            name="slurm",
            factory="segkit_slurm.slurm:Slurm",
            summary="Array jobs of SLURM that save before their time is over and go on by themselves.",
            params="segkit_slurm.params:SlurmParams",
            reference="https://slurm.schedmd.com",
        )
    ]
