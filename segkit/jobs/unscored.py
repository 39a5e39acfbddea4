"""Predict the images that a dataset has without a reference: label maps of their own, and no scores."""

from __future__ import annotations

from contextlib import closing

from segkit.data.case import Case
from segkit.engine.infer import Predictor
from segkit.engine.memory import enough_memory
from segkit.engine.postprocess import postprocessing
from segkit.engine.predictions import write_prediction
from segkit.engine.scoring import few, read_ahead
from segkit.engine.volumes import VolumePredictor
from segkit.errors import SegkitError
from segkit.jobs.job import Job
from segkit.planning.build import build_steps
from segkit.rundir.names import UNSCORED


def unscored_cases(job: Job) -> list[Case]:
    """Return the cases without a reference that the dataset's reader offers."""
    return list(getattr(job.plan.reader, "unscored", tuple)())


def predict_unscored(job: Job, predictor: Predictor | VolumePredictor) -> None:
    """Predict them into a folder of the run; one that cannot be read ends that, which is told, and not the run."""
    plan, cases = job.plan, unscored_cases(job)
    if not cases or not plan.config.evaluate.save_predictions:
        return
    folder = job.folder / UNSCORED
    folder.mkdir(exist_ok=True)
    postprocess = postprocessing(plan.config.evaluate, plan.task, build_steps(plan))
    job.progress.start("predict without scores", len(cases), "cases")
    at_once = few(predictor, job.workers)
    try:
        with closing(read_ahead(plan.reader, cases, predictor, plan.data.full_name, at_once)) as samples:
            for case, sample in zip(cases, samples, strict=True):
                with enough_memory(f"case {case.id}"):
                    labels = predictor.labels(sample.image, sample.shape, sample.spacing)
                labels = labels if postprocess is None else postprocess(labels)
                write_prediction(plan.reader, folder, case, labels, sample, plan.reader.task)
                job.progress.advance()
    except SegkitError as error:
        job.progress.message(f"warning: not all images without masks are predicted: {error}")
    job.progress.finish()
