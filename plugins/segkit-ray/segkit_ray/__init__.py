"""Runs as jobs of a Ray cluster, or of one that is started on this machine."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Launcher, hookimpl


@hookimpl
def segkit_launchers() -> list[Launcher]:
    """Return the launcher."""
    return [
        Launcher(
            name="ray",
            factory="segkit_ray.ray_jobs:RayJobs",
            summary="Jobs of a Ray cluster, by its job API; without an address one is started on this machine.",
            params="segkit_ray.params:RayParams",
            reference="https://docs.ray.io/en/latest/cluster/running-applications/job-submission/",
        )
    ]
