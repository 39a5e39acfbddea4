"""The whole job, composed: data, training, evaluation, report."""

from __future__ import annotations

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
from segkit.engine.evaluate import evaluate, read_checked, read_labels, validate
from segkit.engine.infer import Predictor
from segkit.engine.measure import CaseScores, ChosenMetric
from segkit.engine.progress import Progress
from segkit.engine.summary import write_cases
from segkit.engine.train import Trainer
from segkit.errors import SegkitError, UsageError
from segkit.files import write_json, write_text
from segkit.params import plain
from segkit.plan import Plan, run_folder
from segkit.record import component_versions, history_line, model_header, summary_record
from segkit.report import CasePicture, choose_cases, write_report
from segkit.report.pictures import displayable
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
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start


def run_job(plan: Plan, progress: Progress) -> RunResult:
    """Carry out a plan: train, score, report.

    Raises:
        SegkitError: the output directory is taken, a case cannot be read, training diverges, the disk is full.
    """
    job = start_job(plan, progress)
    announce(job)
    with job.timed("data"):
        stores = open_stores(job)
    start_folder(job)
    with job.timed("train"):
        predictor, weights = train(job, stores)
    with job.timed("evaluate"):
        scores = score(job, predictor)
    summary = summary_record(
        plan, scores, job.parts.metrics, weights=weights, parameters=job.parts.parameters, seconds=job.seconds
    )
    write_json(job.folder / "summary.json", summary)
    report(job, scores)
    return RunResult(job.folder, summary)


def start_job(plan: Plan, progress: Progress) -> Job:
    """Choose the device and build the components, so that what cannot work ends before the data are touched."""
    run = plan.config.run
    device = choose_device(run.device)
    set_threads(run.threads)
    if run.deterministic:
        set_determinism(device)
    workers = default_workers() if run.workers is None else run.workers
    folder = run_folder(plan)
    return Job(plan, assemble(plan), folder, device, workers, progress)


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
    tell(f"model: {plan.arch.full_name}, {job.parts.parameters:,} parameters, on {job.device}")


def open_stores(job: Job) -> dict[str, Store]:
    """Open the stores that training needs, building what is not there."""
    plan, stores = job.plan, {}
    for split in ("train", "val"):
        if not plan.cases[split]:
            continue
        job.progress.start(f"store {split}", len(plan.cases[split]), "cases")
        stores[split] = open_store(
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
    return stores


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
    folder, config = job.folder, job.plan.config
    try:
        (folder / "predictions").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SegkitError(
            f"cannot make the run directory {folder}: {error.strerror}", "name another --output"
        ) from None
    write_text(folder / "config.toml", config.to_toml())
    environment = {"segkit": __version__, **describe_machine(job.device), "components": component_versions(job.plan)}
    write_json(folder / "environment.json", environment)


def train(job: Job, stores: Mapping[str, Store]) -> tuple[Predictor, str]:
    """Train; write history.jsonl as it goes and model.safetensors at the end.

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
    )
    with (job.folder / "history.jsonl").open("a", encoding="utf-8") as history:
        for record in trainer.epochs():
            history.write(history_line(record))
            history.flush()
    best, weights = trainer.finish()
    save_model(job.folder / "model.safetensors", best, model_header(plan, normalization, stores, weights))
    return predictor(best, mirror=config.evaluate.mirror), weights


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
        plan.cases[plan.split],
        predictor,
        job.parts.metrics,
        predictions=job.folder / "predictions" if plan.config.evaluate.save_predictions else None,
        workers=job.workers,
        progress=job.progress,
    )
    write_cases(job.folder / "cases.csv", scores, plan.task, job.parts.metrics)
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
        sample = read_checked(plan.reader, cases[case_id])
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
