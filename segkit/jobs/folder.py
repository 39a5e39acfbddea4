"""The directory of a run as its job holds it: made or gone on in, locked, with config and environment in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segkit.contracts import RunInfo
from segkit.engine.device import describe_machine
from segkit.engine.stop import Stopped
from segkit.files import remove_parts, write_json, write_text
from segkit.jobs.job import Job
from segkit.rundir.claim import new_run_folder
from segkit.rundir.lock import locked_run
from segkit.rundir.names import CONFIG, ENVIRONMENT, EXPLANATIONS, FIGURES, PREDICTIONS, START, STATE_FOLDER
from segkit.rundir.write import component_versions
from segkit.version import __version__


@contextmanager
def held_folder(job: Job, folder: Path | None) -> Iterator[None]:
    """Hold the job's directory while the block runs; what stops the block is told where the run is.

    Nothing is written into the directory of a run that is gone on with: that waits until its state fits.

    Args:
        folder: of a new run; as the plan says where None.
    """
    try:
        if job.resume is not None:
            job.folder = job.resume.folder
            with locked_run(job.folder):
                yield
            return
        plan = job.plan
        if folder is None and plan.output is not None:
            folder = Path(plan.output)
        with new_run_folder(folder, str(plan.config.run.name), plan.config.to_toml()) as claim:
            job.folder, job.claim = claim.folder, claim
            write_json(job.folder / ENVIRONMENT, environment(job))
            if job.started is not None:
                write_json(job.folder / START, job.started.record)
            yield
    except Stopped as stop:
        stop.folder = getattr(job, "folder", None)
        raise


def begin_training(job: Job) -> None:
    """Note that everything fits: from here on the directory stays, and says what the run is made with."""
    if not job.ranks.leads:
        return
    if job.claim is not None:
        job.claim.keep()
    else:
        for place in (job.folder, *(job.folder / name for name in (STATE_FOLDER, PREDICTIONS, EXPLANATIONS, FIGURES))):
            remove_parts(place)
        write_json(job.folder / ENVIRONMENT, environment(job))
        write_text(job.folder / CONFIG, job.plan.config.to_toml())
    # Not earlier: plugins that hear of a run write into its directory, which a fault of the data takes back.
    job.held.enter_context(job.events.during(run_info(job)))


def run_info(job: Job) -> RunInfo:
    """What plugins that hear of the run are told of it."""
    resumed = job.resume is not None
    return RunInfo(job.folder, job.plan.config.flat(), job.parts.parameters, str(job.device), resumed)


def environment(job: Job) -> dict[str, Any]:
    """What environment.json holds."""
    shared = {"processes": job.ranks.count} if job.ranks.several else {}
    described = describe_machine(job.device, job.plan.config.run.autocast)
    return {"segkit": __version__, **described, **shared, "components": component_versions(job.plan)}
