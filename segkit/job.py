"""The whole job, composed: data, training, evaluation, report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segkit import __version__
from segkit.assemble import Parts, assemble
from segkit.data.batches import Batches
from segkit.data.normalize import make_normalization
from segkit.data.roots import cache_folder
from segkit.data.store import Store, open_store
from segkit.declarations import Dataset
from segkit.engine.checkpoint import save_model
from segkit.engine.device import choose_device, default_workers, describe_machine, set_determinism, set_threads
from segkit.engine.evaluate import evaluate, read_labels, validate
from segkit.engine.infer import Predictor
from segkit.engine.measure import CaseScores, ChosenMetric
from segkit.engine.postprocess import postprocessing
from segkit.engine.progress import Progress
from segkit.engine.state import load_state, save_state
from segkit.engine.stop import StopRequest
from segkit.engine.summary import write_cases
from segkit.engine.train import Trainer
from segkit.errors import SegkitError, UsageError
from segkit.files import write_json, write_text
from segkit.params import plain
from segkit.plan import Plan
from segkit.record import component_versions, history_line, model_header, summary_record
from segkit.report import CasePicture, choose_cases, write_report
from segkit.report.pictures import displayable
from segkit.resume import CONFIG, ENVIRONMENT, STATE_FOLDER, Resume
from segkit.settings import Augment


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes:
        folder: the run directory.
        summary: what summary.json holds.
    """

    folder: Path
    summary: dict[str, Any]

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.folder / "report.html"


@dataclass
class Job:
    """A plan under way.

    Attributes:
        workers: threads that prepare data.
        seconds: by stage.
    """

    plan: Plan
    parts: Parts
    folder: Path
    device: torch.device
    workers: int
    progress: Progress
    stop: StopRequest
    resume: Resume | None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start


def run_job(plan: Plan, folder: Path, progress: Progress, resume: Resume | None = None) -> RunResult:
    """Carry out a plan: train, score, report.

    Args:
        folder: the run's directory, as `segkit.plan.run_folder` chooses it.
        resume: a run that was stopped, to go on with; its plan was made from its own config.

    Raises:
        SegkitError: a case cannot be read, training diverges, the disk is full, or the
            run to resume is another one.
        Stopped: by Ctrl-C or SIGTERM; what there was to save is saved.
    """
    stop = StopRequest(progress.message)
    with stop.listen():
        job = start_job(plan, folder, progress, stop, resume)
        announce(job)
        start_folder(job)
        with job.timed("data"):
            stores = open_stores(job)
        with job.timed("train"):
            predictor, weights = train(job, stores)
            keep_model(job, predictor, stores, weights)
        with job.timed("evaluate"):
            scores = score(job, predictor)
        summary = summary_record(
            plan, scores, job.parts.metrics, weights=weights, parameters=job.parts.parameters, seconds=job.seconds
        )
        keep_model(job, predictor, stores, weights, summary["scores"])
        write_json(job.folder / "summary.json", summary)
        report(job, scores)
        shutil.rmtree(job.folder / STATE_FOLDER)
    return RunResult(job.folder, summary)


def start_job(plan: Plan, folder: Path, progress: Progress, stop: StopRequest, resume: Resume | None) -> Job:
    """Choose the device and build the components, so that what cannot work ends before the data are touched."""
    run = plan.config.run
    device = choose_device(run.device)
    set_threads(run.threads if resume is None or run.threads is not None else resume.threads)
    if run.deterministic:
        set_determinism(device)
    workers = default_workers() if run.workers is None else run.workers
    job = Job(plan, assemble(plan), folder, device, workers, progress, stop, resume)
    if resume is not None:
        resume.check(plan.config, environment(job))
    return job


def announce(job: Job) -> None:
    """Say first where the data are from, then what is scored, where the run goes and what is trained."""
    plan, tell = job.plan, job.progress.message
    counts = ", ".join(f"{split} {len(cases)}" for split, cases in plan.cases.items() if cases)
    tell(f"data: {plan.root.path} ({plan.root.source}): {counts}")
    if plan.root.generated:
        assert isinstance(plan.data.component, Dataset)
        homepage = plan.data.component.homepage
        where = f"; the real data: {homepage}" if homepage else ""
        tell(f"GENERATED SAMPLE: these images are drawn by a program, the scores say nothing about patients{where}")
    tell(f"scores: {plan.split} split ({plan.split_note})")
    tell(f"run: {job.folder}")
    batch_wide = [term.label for term in job.parts.objective.terms if term.scope == "batch"]
    if batch_wide:
        tell(f"loss: {', '.join(batch_wide)} exists over a batch only: it depends on batch size and accumulation")
    tell(f"model: {plan.arch.full_name}, {job.parts.parameters:,} parameters, on {job.device}")


def open_stores(job: Job) -> dict[str, Store]:
    """Open the stores that training needs, building what is not there."""
    try:
        return {split: open_split(job, split) for split in ("train", "val") if job.plan.cases[split]}
    except SegkitError:
        # Nothing was trained: a directory that holds a config alone would only be in the way of the next try.
        if job.resume is None:
            shutil.rmtree(job.folder)
        raise


def open_split(job: Job, split: str) -> Store:
    """Open the store of one split."""
    plan = job.plan
    job.progress.start(f"store {split}", len(plan.cases[split]), "cases")
    store = open_store(
        plan.reader,
        plan.data.full_name,
        plan.cases[split],
        plan.size,
        folder=cache_folder() / "stores",
        workers=max(1, job.workers),
        progress=counting(job.progress),
        settings=plain(plan.config.params_of("data", plan.data.component.name)),
    )
    job.progress.finish()
    return store


def counting(progress: Progress) -> Callable[[int, int], None]:
    """Turn a (done, total) callback into steps."""
    seen = 0

    def advance(done: int, total: int) -> None:
        nonlocal seen
        progress.advance(done - seen)
        seen = done

    return advance


def start_folder(job: Job) -> None:
    """Make the run directory, with the resolved config and the environment in it."""
    folder = job.folder
    try:
        (folder / "predictions").mkdir(parents=True, exist_ok=True)
        (folder / STATE_FOLDER).mkdir(exist_ok=True)
    except OSError as error:
        raise SegkitError(
            f"cannot make the run directory {folder}: {error.strerror}", "name another --output"
        ) from None
    write_json(folder / ENVIRONMENT, environment(job))
    write_text(folder / CONFIG, job.plan.config.to_toml())


def environment(job: Job) -> dict[str, Any]:
    """What environment.json holds."""
    return {"segkit": __version__, **describe_machine(job.device), "components": component_versions(job.plan)}


def train(job: Job, stores: Mapping[str, Store]) -> tuple[Predictor, str]:
    """Train; write history.jsonl as it goes.

    A resumed run goes on at its last saved step.

    Returns:
        The predictor to score, and which weights it has, in words.
    """
    plan, config = job.plan, job.plan.config
    normalization = make_normalization(config.data, stores["train"])
    layout = torch.channels_last if plan.task.spatial_dims == 2 else torch.channels_last_3d
    model: nn.Module = job.parts.model.to(job.device).to(memory_format=layout)

    def batches(split: str, batch_size: int, augment: Augment | None) -> Batches:
        return Batches(
            stores[split],
            batch_size=batch_size,
            seed=config.run.seed,
            augment=augment,
            normalization=normalization,
            device=job.device,
            workers=job.workers,
        )

    def predictor(model: nn.Module, *, mirror: bool) -> Predictor:
        return Predictor(model.eval(), plan.task, plan.size, normalization, job.device, config.run.autocast, mirror)

    def validate_store(model: nn.Module) -> dict[str, float]:
        return validate(batches("val", 1, None), predictor(model, mirror=False), job.parts.metrics)

    keeper = Keeper(job, {f"data of split {split}": store.fingerprint for split, store in stores.items()})
    trainer = Trainer(
        model,
        job.parts.objective,
        batches("train", config.train.batch_size, config.augment),
        config.train,
        config.run,
        job.device,
        validate=validate_store if "val" in stores else None,
        select=selection(plan, job.parts.metrics),
        progress=job.progress,
        after_step=keeper,
    )
    keeper.restore(trainer)
    with job.stop.finishing_steps():
        trainer.train()
    best, weights = trainer.finish()
    return predictor(best, mirror=config.evaluate.mirror), weights


def keep_model(
    job: Job,
    predictor: Predictor,
    stores: Mapping[str, Store],
    weights: str,
    scores: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write model.safetensors: once when it is trained, again when its scores are known."""
    header = model_header(job.plan, predictor.normalization, stores, weights, scores)
    save_model(job.folder / "model.safetensors", predictor.model, header)


class Keeper:
    """Saves the resume state after every epoch, every few minutes and when the run is to stop."""

    def __init__(self, job: Job, identity: Mapping[str, str]) -> None:
        self.job = job
        self.identity = identity
        self.folder = job.folder / STATE_FOLDER
        self.saved_at = time.monotonic()

    def __call__(self, trainer: Trainer) -> None:
        """Save where it is time to, and stop where that was asked for."""
        minutes = (time.monotonic() - self.saved_at) / 60
        epoch_ended = trainer.steps_in_epoch == 0
        if epoch_ended or self.job.stop.requested or minutes >= self.job.plan.config.run.save_minutes:
            save_state(self.folder, trainer, self.identity)
            self.saved_at = time.monotonic()
        if epoch_ended:
            self.write_history(trainer)
        if not trainer.finished:
            self.job.stop.check()

    def restore(self, trainer: Trainer) -> None:
        """Bring the trainer to the saved state of a run that is resumed, and say where it goes on."""
        resume = self.job.resume
        if resume is None:
            return
        if load_state(self.folder, trainer, self.identity, forced=resume.forced):
            self.job.progress.message(f"resuming in epoch {trainer.epoch} after step {trainer.step}")
        else:
            self.job.progress.message("resuming before the first saved step: training begins with step 1")
        self.write_history(trainer)

    def write_history(self, trainer: Trainer) -> None:
        """Write history.jsonl as the state has it."""
        write_text(self.job.folder / "history.jsonl", "".join(map(history_line, trainer.history)))


def selection(plan: Plan, metrics: Sequence[ChosenMetric]) -> tuple[str, bool] | None:
    """The validated figure that picks the best epoch; None where picking would be on the scored split."""
    if not plan.selects:
        return None
    wanted = plan.config.train.selection
    for metric in metrics:
        if wanted in (None, metric.name):
            return f"{metric.name}@store", metric.declaration.higher_is_better
    known = ", ".join(metric.name for metric in metrics)
    raise UsageError(f"train.selection={wanted} is not among the run's metrics", f"they are: {known}")


def score(job: Job, predictor: Predictor) -> list[CaseScores]:
    """Score the plan's split on each case's own grid and write cases.csv."""
    plan = job.plan
    scores = evaluate(
        plan.reader,
        plan.data.full_name,
        plan.cases[plan.split],
        predictor,
        job.parts.metrics,
        predictions=job.folder / "predictions" if plan.config.evaluate.save_predictions else None,
        workers=job.workers,
        progress=job.progress,
        background=plan.config.evaluate.background,
        postprocess=postprocessing(plan.config.evaluate, plan.task),
    )
    write_cases(job.folder / "cases.csv", scores, plan.scored_task, job.parts.metrics)
    return scores


def report(job: Job, scores: Sequence[CaseScores]) -> None:
    """Write figures and report.html."""
    job.progress.start("report", 1, "page")
    write_report(job.folder, list(pictures(job, scores)))
    job.progress.advance()
    job.progress.finish()


def pictures(job: Job, scores: Sequence[CaseScores]) -> Iterator[CasePicture]:
    """Read the worst, the median and the best case again, to be shown; none where predictions were not kept."""
    plan, main = job.plan, job.parts.metrics[0]
    if plan.task.spatial_dims != 2 or not plan.config.evaluate.save_predictions:
        return
    by_case = {row.case: row.mean(main.name) for row in scores}
    cases = {case.id: case for case in plan.cases[plan.split]}
    for label, case_id in choose_cases(by_case, higher_is_better=main.declaration.higher_is_better):
        sample = plan.reader.read(cases[case_id])
        assert sample.mask is not None
        yield CasePicture(
            case=case_id,
            label=label,
            image=displayable(sample.image),
            reference=sample.mask,
            prediction=read_labels(job.folder / "predictions" / f"{case_id}.png"),
            score=by_case[case_id],
            score_name=main.name,
        )
