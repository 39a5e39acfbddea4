"""The whole job, composed: data, training, evaluation, explanations, report."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from segkit.data.case import counted
from segkit.data.inventory import inventory_of
from segkit.data.remarks import remarks_of
from segkit.declarations import Architecture, Dataset
from segkit.engine.clock import OFF, Clock
from segkit.engine.device import (
    choose_algorithms,
    choose_device,
    default_workers,
    set_threads,
    training_precision,
)
from segkit.engine.distributed import Ranks
from segkit.engine.groups import groups_record, learning_of
from segkit.engine.infer import Predictor
from segkit.engine.measure import CaseScores
from segkit.engine.memory import peak_memory, start_peak
from segkit.engine.postprocess import postprocessing
from segkit.engine.progress import Progress
from segkit.engine.schedule import EVERYTHING
from segkit.engine.scoring import score_cases
from segkit.engine.stop import StopRequest
from segkit.engine.summary import write_cases
from segkit.engine.volumes import VolumePredictor
from segkit.files import own_folder, read_json, write_json
from segkit.jobs.events import Events
from segkit.jobs.explain import check_run_layers, explain_run
from segkit.jobs.folder import environment, held_folder
from segkit.jobs.gallery import gallery, shown_whole
from segkit.jobs.job import Job
from segkit.jobs.leaks import find_leaks, find_seen, leaks_record
from segkit.jobs.readers import readers_record
from segkit.jobs.report import pictures
from segkit.jobs.sections import plugin_sections
from segkit.jobs.start import needs_source, start_from, start_summary
from segkit.jobs.stores import Stores, open_stores, tell_lacking, tell_thin
from segkit.jobs.train import Trained, keep_model, shared_settings, train_model
from segkit.jobs.unscored import predict_unscored, unscored_cases
from segkit.planning.build import assemble, build_steps
from segkit.planning.plan import Plan
from segkit.report.gallery import LargePicture
from segkit.report.pictures import CasePicture
from segkit.report.writer import write_report
from segkit.rundir.names import CASES, MODEL, PREDICTIONS, REPORT, STATE_FOLDER, SUMMARY, UNSCORED
from segkit.rundir.resume import Resume, open_run, restarted
from segkit.rundir.stage import FINISHED_FIELD, Stage, standing_of
from segkit.rundir.write import datasets_in, summary_record

if TYPE_CHECKING:
    from segkit.model import Model


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes:
        folder: the run directory.
        summary: what summary.json holds; empty where the run was only trained.
    """

    folder: Path
    summary: dict[str, Any]

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.folder / REPORT

    def model(self, device: str = "auto") -> Model:
        """Return the trained model, as `segkit.load` rebuilds it; raises SegkitError as that does."""
        from segkit.discovery import Registry
        from segkit.model import load_model

        return load_model(self.folder / MODEL, device, Registry.discover())

    def _repr_html_(self) -> str:
        """What a notebook shows: scores, and where the report is."""
        from segkit.report.notebook import run_html

        return run_html(self.folder, self.summary)


def run_job(
    plan: Plan,
    folder: Path | None,
    progress: Progress,
    resume: Resume | None = None,
    *,
    only_train: bool = False,
    events: Events | None = None,
) -> RunResult:
    """Carry out a plan: train, score, explain, report.

    Started by torchrun, several processes share it: rank 0 writes and returns the result, the others an empty one.
    Started again by torchrun, it goes on with what the same plan began before.

    Args:
        folder: a new run's directory, which must not hold anything; None: the one that the plan names, else
            runs/<name>, made when nothing else can be wrong.
        resume: a run that was stopped, to go on with; its plan was made from its own config.
        only_train: stop when the model is written, with the resume state kept: resumed, the run goes on from there.
        events: the plugins that hear of the run; nobody where not given.

    Raises:
        SegkitError: a case cannot be read, training diverges, the disk is full, or the
            run to resume is another one, or is being written by another process.
        Stopped: by Ctrl-C or SIGTERM; what there was to save is saved.
    """
    ranks = Ranks.from_environment()
    if resume is None and ranks.restarts:
        before = restarted(plan.output, plan.config)
        if before is not None and standing_of(before).stage is Stage.FINISHED:
            return finished_run(before)
        resume = open_run(before) if before is not None and ranks.leads else None
    stop = StopRequest(progress.message)
    if ranks.leads:
        announce_data(plan, progress.message)
    with stop.listen(), ExitStack() as held:
        job = start_job(plan, ranks, progress, stop, resume)
        job.events, job.held = events or Events(), held
        if ranks.leads:
            held.enter_context(held_folder(job, folder))
            announce(job)
        with job.timed("data"):
            stores = open_stores(job)
            if ranks.leads:
                tell_lacking(job, stores)
                tell_thin(job, stores)
                job.leaks = find_leaks(job, stores)
                job.seen = find_seen(job, stores)
                point_to_page(job, stores)
        with ranks.joined(job.device, progress.message):
            agree(job)
            with job.timed("train"):
                trained = train_model(job, stores)
            if ranks.leads:
                keep_model(job, trained, stores)
            if only_train:
                return RunResult(job.folder, {})
            with job.timed("evaluate"):
                scores = score_split(job, trained.predictor)
                if ranks.leads:
                    predict_unscored(job, trained.predictor)
        if not ranks.leads:
            return RunResult(job.folder, {})
        with job.timed("explain"):
            explain_run(job, trained.predictor, scores)
        summary = finish(job, trained, stores, scores)
    return RunResult(job.folder, summary)


def finish(job: Job, trained: Trained, stores: Stores, scores: Sequence[CaseScores]) -> dict[str, Any]:
    """Write summary, model and page; returns the summary, which says last of all that the run is finished."""
    summary = summary_record(
        job.plan,
        scores,
        job.parts.metrics,
        weights=trained.weights,
        parameters=job.parts.parameters,
        seconds=job.seconds,
        peak_memory=peak_memory(job.device),
    )
    if drawn := readers_record(
        job.plan, job.parts.metrics, own_folder(job.folder, PREDICTIONS), job.plan.cases[job.plan.split]
    ):
        summary["readers"] = drawn
    summary["leaks"] = leaks_record(job.leaks, job.plan.split, job.seen)
    summary["parameter_groups"] = groups_record(job.parts.model, job.plan.config.train, job.learning)
    summary["started_from"] = start_summary(job.folder)
    keep_model(job, trained, stores, summary["scores"])
    write_json(job.folder / SUMMARY, summary | {FINISHED_FIELD: False})
    with job.clock("report"):
        shown = list(pictures(job, scores))
        larger = larger_pictures(job, scores, shown)
        write_page(job, shown, larger)
    if job.clock.runs:
        job.clock.write(job.folder)
        # Once more, because only now it is known what the report itself took.
        write_page(job, shown, larger)
    summary |= {FINISHED_FIELD: True}
    write_json(job.folder / SUMMARY, summary)
    if not job.plan.config.run.keep_state:
        remove_state(job.folder, job.progress.message)
    return summary


def remove_state(folder: Path, tell: Callable[[str], None]) -> None:
    """Remove the resume state of a finished run; where that is refused (NFS), the run is finished all the same."""
    try:
        shutil.rmtree(folder / STATE_FOLDER)
    except FileNotFoundError:
        return
    except OSError as error:
        tell(f"{folder / STATE_FOLDER} is not needed any more and cannot be removed: {error.strerror}")


def finished_run(folder: Path) -> RunResult:
    """Return a run that was finished before."""
    return RunResult(folder, read_json(folder / SUMMARY, dict))


def start_job(plan: Plan, ranks: Ranks, progress: Progress, stop: StopRequest, resume: Resume | None) -> Job:
    """Choose the device and build the components, so that what cannot work ends before the data are touched."""
    run = plan.config.run
    device = ranks.own_device(choose_device(run.device))
    start_peak(device)
    set_threads(run.threads if resume is None or run.threads is not None else resume.threads)
    choose_algorithms(device, deterministic=run.deterministic)
    workers = default_workers() if run.workers is None else run.workers
    clock = Clock(device) if run.profile else OFF
    job = Job(plan, assemble(plan, progress), device, workers, progress, stop, resume, ranks=ranks, clock=clock)
    check_run_layers(plan, job.parts.model)
    assert isinstance(plan.arch.component, Architecture)
    job.learning = learning_of(plan.config.train, plan.arch.component.parts, job.parts.model)
    if resume is not None:
        resume.check(plan.config, environment(job))
    if needs_source(plan, resume):
        job.started = start_from(plan, job.parts.model)
    return job


def agree(job: Job) -> None:
    """Tell every process of the run what the first one has found: its directory, whether it goes on, its threads."""
    own = (str(job.folder), job.resume is not None, torch.get_num_threads()) if job.ranks.leads else ("", False, 0)
    folder, resumed, threads = job.ranks.told(own)
    if job.ranks.leads:
        return
    job.folder = Path(folder)
    if resumed:
        job.resume = job.resume or open_run(job.folder)
        set_threads(threads)


def announce_data(plan: Plan, tell: Callable[[str], None]) -> None:
    """Say where the data are from and how many cases they have, before anything of them is read."""
    counts = ", ".join(f"{split} {counted(cases)}" for split, cases in plan.cases.items() if cases)
    tell(f"data: {plan.root.shown} ({plan.root.source}): {counts}")


def announce(job: Job) -> None:
    """Say what the data are, what is scored, where the run goes and what is trained."""
    plan, tell = job.plan, job.progress.message
    for sentence in job.started.sentences if job.started is not None else ():
        tell(sentence)
    if plan.root.generated:
        assert isinstance(plan.data.component, Dataset)
        homepage = plan.data.component.homepage
        where = f"; the real data: {homepage}" if homepage else ""
        tell(f"GENERATED SAMPLE: these images are drawn by a program, the scores say nothing about patients{where}")
    if not plan.root.generated:
        every = [case for cases in plan.cases.values() for case in cases]
        left_out = inventory_of(plan.reader, every, plan.root.path).sentence()
        if left_out:
            tell(f"{left_out}; all are listed by segkit data info")
    unscored = unscored_cases(job)
    if unscored:
        tell(f"without masks: {len(unscored)} images are predicted into {UNSCORED}/ and not scored")
    for remark in remarks_of(plan.reader):
        tell(f"note: {remark}")
    tell(f"scores: {plan.split} split ({plan.split_note})")
    tell(f"run: {job.folder}")
    batch_wide = [term.label for term in job.parts.objective.terms if term.scope == "batch"]
    if batch_wide:
        tell(f"loss: {', '.join(batch_wide)} exists over a batch only: it depends on batch size and accumulation")
    precision = training_precision(job.device, plan.config.run.autocast)
    reduced = "" if precision == "none" else f", steps in {precision}"
    tell(f"model: {plan.arch.full_name}, {job.parts.parameters:,} parameters, on {job.device}{reduced}")
    groups = groups_record(job.parts.model, plan.config.train, job.learning)
    for group in groups if job.learning != EVERYTHING else ():
        tell(group_sentence(group))
    if job.ranks.several:
        settings = shared_settings(plan.config.train, job.ranks)
        tell(
            f"processes: {job.ranks.count} share each step of {settings.batch_size} samples; "
            f"highest learning rate {settings.learning_rate:g}"
        )


def group_sentence(group: Mapping[str, Any]) -> str:
    """Say of a group of parameters how it learns."""
    count = f"parameters: {group['parameters']:,}"
    if group["frozen"]:
        until = group["released_after"]
        return f"{count} frozen" + (f" until epoch {until}" if until else "")
    return f"{count} at most at rate {group['learning_rate']:g}, weight decay {group['weight_decay']:g}"


def point_to_page(job: Job, stores: Stores) -> None:
    """Name the command that shows how data were understood that nobody has trained on here before."""
    plan = job.plan
    if plan.root.generated or not any(store.was_built for store in stores.values()):
        return
    name = shlex.quote(plan.data.full_name) if plan.root.parts else plan.data.component.name
    root = shlex.quote(plan.root.written if plan.root.parts else str(plan.root.path))
    job.progress.message(f"look at what was understood: segkit data show {name} --data-root {root}")


def score_split(job: Job, predictor: Predictor | VolumePredictor) -> list[CaseScores]:
    """Score the plan's split on each case's own grid and write cases.csv."""
    plan, predictions = job.plan, own_folder(job.folder, PREDICTIONS)
    scores = score_cases(
        plan.reader,
        plan.data.full_name,
        plan.cases[plan.split],
        predictor,
        job.parts.metrics,
        predictions=predictions if plan.config.evaluate.save_predictions else None,
        workers=job.workers,
        progress=job.progress,
        background=plan.config.evaluate.background,
        postprocess=postprocessing(plan.config.evaluate, plan.task, build_steps(plan)),
        ranks=job.ranks,
        clock=job.clock,
    )
    if job.ranks.leads:
        write_cases(job.folder / CASES, scores, plan.scored_task, job.parts.metrics, datasets_in(plan.reader))
    return scores


def larger_pictures(job: Job, scores: Sequence[CaseScores], shown: Sequence[CasePicture]) -> list[LargePicture]:
    """Draw every scored photograph as it can be looked into."""
    if not shown_whole(shown):
        return []
    job.progress.start("pictures", len(scores), "cases")
    found = gallery(job, scores, lambda *_: job.progress.advance())
    job.progress.finish()
    return found


def write_page(job: Job, shown: Sequence[CasePicture], larger: Sequence[LargePicture]) -> None:
    """Write figures and report.html."""
    job.progress.start("report", 1, "page")
    sections = plugin_sections(job.plan.sections, job.folder, job.progress.message)
    write_report(job.folder, shown, sections=sections, gallery=larger)
    job.progress.advance()
    job.progress.finish()
