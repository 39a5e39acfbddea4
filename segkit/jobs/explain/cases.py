"""The stage of a run that explains its worst, median and best case."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from segkit.config import Config, Layer, read_written, resolve, section_values
from segkit.data.case import Case
from segkit.discovery import Found, Registry
from segkit.engine.infer import Predictor
from segkit.engine.measure import CaseScores
from segkit.engine.postprocess import postprocessing
from segkit.engine.progress import Progress
from segkit.engine.volumes import VolumePredictor
from segkit.errors import SegkitError, UsageError
from segkit.explain.case import DEFAULT_LAYER, BuiltExplainer, build_explainer
from segkit.explain.choice import check_explain, choose
from segkit.explain.layers import AUTO, LayerPath, check_module
from segkit.explain.region import Region
from segkit.files import own_folder
from segkit.jobs.explain.folder import Explained, write_explained
from segkit.jobs.explain.reference import read_reference
from segkit.jobs.explain.subject import (
    Subject,
    case_subject,
    explain_subject,
    in_memory,
    make_wish,
    part_of,
    scored,
)
from segkit.jobs.job import Job
from segkit.jobs.predict.faults import fault_of
from segkit.jobs.predict.inputs import Input, find_inputs
from segkit.jobs.report import case_values
from segkit.model import Model
from segkit.planning.build import build_steps
from segkit.planning.components import find_explainers
from segkit.planning.offers import check_offers
from segkit.planning.overlapping import check_overlapping
from segkit.planning.plan import Plan
from segkit.planning.reopened import reopen_data
from segkit.planning.replaced import Choice, of_sections
from segkit.planning.said import Said, check_asked
from segkit.planning.splits import scored_cases
from segkit.rundir.names import CONFIG, EXPLANATIONS
from segkit.rundir.read import read_record
from segkit.rundir.write import NOTICE

EXPLAINING = ("explain", "explainer", "components.explainers")
"""Settings that say how something is explained."""


def build_explainers(plan: Plan) -> list[BuiltExplainer]:
    """Import and build the plan's explainers."""
    return [
        build_explainer(found, plan.config.params_of("explainer", found.component.name)) for found in plan.explainers
    ]


def check_run_layers(plan: Plan, model: nn.Module) -> None:
    """Raise UsageError, before anything is trained, where the layer asked for is not in the model."""
    if not plan.explainers or plan.config.explain.layer == AUTO:
        return
    wanted, declared = plan.config.explain.layer or DEFAULT_LAYER, declared_layers(plan)
    if plan.config.explain.layer is None and DEFAULT_LAYER not in declared:
        return
    path = LayerPath.parse(declared.get(wanted, wanted))
    try:
        check_module(model, path, declared)
    except UsageError as error:
        if plan.config.explain.layer is None:
            # Told after training, it cost the whole run and left it without a report (issue 20).
            raise SegkitError(
                f"arch {plan.arch.full_name} declares the layer {wanted} = {declared[wanted]!r}, which it has not with "
                "these params",
                "say --set explain.layer=auto, and report it to its author",
            ) from None
        raise UsageError(f"explain.layer: {error.message}", error.hint) from None


def declared_layers(plan: Plan) -> dict[str, str]:
    """The layers that the plan's architecture names."""
    return plan.arch.layers(plan.config.params_of("arch", plan.arch.component.name))


def explain_run(job: Job, predictor: Predictor | VolumePredictor, scores: Sequence[CaseScores]) -> None:
    """Explain chosen cases of a scored split into explanations/; does nothing where no explainer was asked for."""
    plan = job.plan
    if not plan.explainers:
        return
    main = job.parts.metrics[0]
    values = {row.case: row.rank_value(main) for row in scores}
    direction = main.declaration.direction
    chosen = choose(plan.config.explain.cases, values, higher_is_better=direction.higher)
    explain_cases(job, predictor, chosen, values, direction.named(main.name))


def explain_cases(
    job: Job,
    predictor: Predictor | VolumePredictor,
    chosen: Sequence[tuple[str, str]],
    values: dict[str, float],
    score_name: str,
) -> None:
    """Explain cases, one after the other."""
    plan, progress = job.plan, job.progress
    explainers = build_explainers(plan)
    wish = make_wish(plan.config.explain, plan.task, declared_layers(plan))
    cases: dict[str, Case] = {case.id: case for case in plan.cases[plan.split]}
    postprocess = postprocessing(plan.config.evaluate, plan.task, build_steps(plan))
    progress.start("explain", len(chosen), "cases")
    for label, case_id in chosen:
        subject = case_subject(plan.reader, plan.data.full_name, cases[case_id], predictor)
        subject = in_memory(scored(subject, label, values[case_id], score_name))
        found, prediction = explain_subject(
            subject,
            predictor,
            explainers,
            wish,
            postprocess,
            progress.message,
        )
        if found:
            write_explained(
                own_folder(job.folder, EXPLANATIONS),
                subject,
                prediction,
                found,
                classes=plan.task.classes,
                notice=NOTICE if plan.root.generated else "",
            )
        progress.advance()
    progress.finish()


@dataclass(frozen=True)
class Order:
    """What `segkit explain` was asked for, resolved.

    Attributes:
        config: its section `explain` and the explainers' params.
        region: the part of each image that is explained; None: the whole.
    """

    model: Model
    config: Config
    explainers: tuple[BuiltExplainer, ...]
    region: Region | None = None


def make_order(
    model: Model,
    layers: Sequence[Layer],
    registry: Registry,
    run: Path | None = None,
    environ: Mapping[str, str] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Order:
    """Resolve explainers and settings.

    Args:
        run: its directory, whose settings count where `layers` say nothing else; None for a model alone.

    Raises:
        UsageError: no explainer is named, or something cannot be meant.
    """
    check_asked(layers, EXPLAINING, (), "explaining takes explain.* and the params of explainers")
    base = [of_sections(read_written(run / CONFIG), EXPLAINING)] if run is not None else []
    said = Said([*base, *layers], os.environ if environ is None else environ, EXPLAINING)
    found = find_explainers(registry, section_values(said.layers(), "components").get("explainers"))
    if not found:
        installed = ", ".join(item.component.name for item in registry.components("explainer")) or "none"
        raise UsageError("no explainer was named", f"say --explainer NAME; installed: {installed}")
    choice = Choice([("explainer", item) for item in found], ("explainer",))
    said.tell_strays(choice, tell)
    config = resolve(said.layers(choice), choice.params)
    check_explain(replace(config.explain, cases=()), model.task.classes, [])
    check_overlapping(model.task, found, registry)
    check_offers(*model.architecture, found, registry)
    return Order(model, config, tuple(built(item, config) for item in found))


def built(found: Found, config: Config) -> BuiltExplainer:
    """Build an explainer with the config's params."""
    return build_explainer(found, config.params_of("explainer", found.component.name))


def explain_scored(
    run: Path, order: Order, registry: Registry, folder: Path, progress: Progress, data_root: str | None = None
) -> list[Explained]:
    """Explain scored cases of a finished run.

    Raises:
        UsageError: a case is not among the scored ones.
        SegkitError: the run is not finished, or its data are not where they were.
    """
    record = read_record(run)
    values = case_values(record, record.main_metric)
    if not values:
        raise SegkitError(f"{run} has no scored cases", "give the directory of a finished run")
    direction = record.direction(record.main_metric)
    chosen = choose(order.config.explain.cases, values, higher_is_better=direction.higher)
    reader, dataset = reopen_data(run / CONFIG, registry, data_root, progress.message)
    cases = {case.id: case for case in scored_cases(reader, str(record.summary.get("split")))}

    def subjects() -> Iterator[Subject]:
        for label, case_id in chosen:
            if case_id not in cases:
                raise SegkitError(f"case {case_id} is not among the data found", "give the folder that was scored")
            subject = case_subject(reader, dataset.full_name, cases[case_id], order.model.predictor)
            yield scored(subject, label, values[case_id], record.main_metric)

    return explain_all(order, subjects(), len(chosen), folder, progress)


def explain_files(
    order: Order, files: Sequence[Path], mask: Path | None, folder: Path, progress: Progress
) -> tuple[list[Explained], int]:
    """Explain image files that belong to no dataset; one that cannot be explained is told, the others go on.

    Returns:
        What was written, and how many images could not be explained.

    Raises:
        UsageError: the mask is for one image and there are several, or the target cannot be meant.
        SegkitError: the disk is full, or there is one image and it cannot be explained.
    """
    model = order.model
    items = find_inputs([str(file) for file in files], model.opener, model.image_channels).items
    if mask is not None and len(items) != 1:
        raise UsageError(f"--mask is the mask of one image, and {len(items)} are to be explained", "give one image")
    written: list[Explained] = []
    failed = 0
    progress.start("explain", len(items), "image" if len(items) == 1 else "images")
    for item in items:
        try:
            written += explain_one(order, file_subject(model, item, mask), folder, progress)
        except UsageError:
            raise
        except Exception as error:  # of a file from anywhere, and of the machine
            fault = fault_of(item, error)
            if len(items) == 1:
                raise fault from error
            failed += 1
            progress.message(f"error: {fault}")
        progress.advance()
    progress.finish()
    return told(written), failed


def file_subject(model: Model, item: Input, mask: Path | None) -> Subject:
    """Read one image as `segkit predict` reads it, and once more at its own resolution to be shown."""
    shown = model.sample(item.files)
    full = model.opener.open(item.files, model.image_task)
    reference = None if mask is None else read_reference(mask, model, tuple(shown.shape))
    own = model.opener.format_of(item.path)
    return Subject(item.name, full.image, shown.image, reference, shown.spacing, item.path, own)


def explain_all(
    order: Order, subjects: Iterable[Subject], count: int, folder: Path, progress: Progress
) -> list[Explained]:
    """Explain one case after the other into a folder."""
    written: list[Explained] = []
    progress.start("explain", count, "image" if count == 1 else "images")
    for subject in subjects:
        written += explain_one(order, subject, folder, progress)
        progress.advance()
    progress.finish()
    return told(written)


def explain_one(order: Order, subject: Subject, folder: Path, progress: Progress) -> list[Explained]:
    """Explain one image into a folder; nothing where no explainer can."""
    model = order.model
    wish = make_wish(order.config.explain, model.task, model.layers)
    subject = in_memory(subject) if order.region is None else part_of(subject, order.region, model.predictor)
    found, prediction = explain_subject(
        subject, model.predictor, order.explainers, wish, model.postprocess, progress.message
    )
    notice = NOTICE if model.header.get("generated_sample") else ""
    if not found:
        return []
    return [write_explained(folder, subject, prediction, found, classes=model.task.classes, notice=notice)]


def told(written: list[Explained]) -> list[Explained]:
    """Return what was written; raises SegkitError where nothing was."""
    if not written:
        raise SegkitError("nothing could be explained", "see the messages above")
    return written
