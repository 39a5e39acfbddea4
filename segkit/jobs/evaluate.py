"""Score a trained model on a split of its own dataset or of another one with the same classes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segkit.config import Layer
from segkit.data.case import Case
from segkit.data.content import content_digest
from segkit.data.in_time import read_case
from segkit.data.likeness import numbers_of
from segkit.data.prefetch import prefetch
from segkit.data.remarks import remarks_of
from segkit.discovery import Registry
from segkit.engine.device import default_workers
from segkit.engine.ensemble import Ensemble
from segkit.engine.measure import CaseScores
from segkit.engine.postprocess import postprocessing
from segkit.engine.progress import Progress
from segkit.engine.scoring import score_cases
from segkit.engine.summary import write_cases
from segkit.errors import SegkitError
from segkit.files import whole_folder, write_json, write_text
from segkit.jobs.another_place import shift_lines, shift_record
from segkit.jobs.groups import group_record, read_groups
from segkit.jobs.leaks import leaks_record, seen_sentence
from segkit.jobs.predict.estimate import estimate_of
from segkit.jobs.readers import readers_record
from segkit.model import Model, load_model
from segkit.planning import scoring
from segkit.planning.build import build_metrics, build_steps
from segkit.planning.plan import Plan
from segkit.planning.relation import by_content
from segkit.planning.trained import TrainedModel, component
from segkit.rundir.names import CASES, CONFIG, PREDICTIONS, SCORES, SUMMARY
from segkit.rundir.stage import MODEL_DATASET
from segkit.rundir.write import NOTICE, datasets_in, summary_record
from segkit.statistics.failure_ranking import rank_failures


@dataclass(frozen=True)
class Request:
    """What is to be scored on what.

    Attributes:
        checkpoint: the file the model is from.
        config: the run's config file; None for a checkpoint without its run.
        data: another dataset's name; None for the model's own.
        said: flags, each with the option as its source.
        groups: a CSV of the cases' groups; None without one.
    """

    checkpoint: Path
    model: Model
    config: Path | None
    data: str | None
    said: Sequence[Layer]
    groups: Path | None = None


@dataclass(frozen=True)
class Scored:
    """What came of it.

    Attributes:
        summary: what summary.json holds.
    """

    folder: Path
    summary: dict[str, Any]


def evaluate(
    request: Request, registry: Registry, progress: Progress, *, folder: Path | None = None, workers: int | None = None
) -> Scored:
    """Score a model from first to last, and say on the way what the scored cases are to it.

    Args:
        folder: the new folder; in the run, or beside the checkpoint, where not given.

    Raises:
        UsageError, SegkitError: as `plan_scoring` and `score_model`, or the folder holds something already.
    """
    plan = plan_scoring(request, registry, progress.message)
    name = plan.data.component.name
    target = folder or scores_folder(request.checkpoint, request.config is not None, name, plan.split)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SegkitError(f"--output {target} already holds something", "name another folder")
    progress.message(f"data: {plan.root.shown} ({plan.root.source}): {plan.split} {len(plan.cases[plan.split])}")
    for remark in remarks_of(plan.reader):
        progress.message(f"note: {remark}")
    try:
        looked = look_at(plan, request, workers, progress)
        progress.message(f"scores: {plan.split} split ({looked.plan.split_note})")
        scored = score_model(looked, request, target, workers, progress)
    finally:
        progress.close()
    if scored.summary["generated_sample"]:
        progress.message(
            "GENERATED SAMPLE: drawn images were trained on or scored, these numbers say nothing of patients"
        )
    return scored


def open_request(
    checkpoint: Path, device: str, registry: Registry, data: str | None, said: Sequence[Layer], groups: Path | None
) -> Request:
    """Load a model to be scored, with its run's config where there is one."""
    config = checkpoint.with_name(CONFIG)
    model = load_model(checkpoint, device, registry)
    return Request(checkpoint, model, config if config.is_file() else None, data, said, groups)


def plan_scoring(request: Request, registry: Registry, tell: Callable[[str], None] | None = None) -> Plan:
    """Find data, split and metrics; raises as `segkit.planning.scoring.plan_scoring` does."""
    model = request.model
    trained = TrainedModel(
        request.checkpoint, model.header, model.task, model.image_task, tuple(model.predictor.size), request.config
    )
    return scoring.plan_scoring(trained, request.data, request.said, registry, tell=tell)


@dataclass(frozen=True)
class LookedAt:
    """What the scored cases are to the model, by what they show.

    Attributes:
        plan: with that in its words.
        seen: ids of those that it was trained on; None for a checkpoint too old to say.
        shift: how they differ from those of training (`segkit.jobs.another_place`); None where that is not known.
    """

    plan: Plan
    seen: list[str] | None = None
    shift: dict[str, Any] | None = None


def look_at(plan: Plan, request: Request, workers: int | None, progress: Progress) -> LookedAt:
    """Read the scored cases before any is scored: was the model trained on them, are they like those; and say so."""
    header = request.model.header
    known = frozenset(header.get("trained_on", ()))
    if not known:
        return LookedAt(plan)
    cases, task = plan.cases[plan.split], plan.reader.task

    def look(case: Case) -> tuple[str, list[float | None]]:
        sample = read_case(plan.reader, case)
        return content_digest(sample.image), numbers_of(sample, task, case)

    progress.start("comparing with training", len(cases), "cases")
    found, numbers = [], []
    with closing(prefetch(look, cases, max(1, default_workers() if workers is None else workers))) as looks:
        for case, (content, row) in zip(cases, looks, strict=True):
            if content in known:
                found.append(case.id)
            numbers.append(row)
            progress.advance()
    progress.finish()
    if found:
        progress.message(seen_sentence("the model", found, len(cases)))
    shift = shift_record(header, task, cases, numbers)
    for line in shift_lines(shift):
        progress.message(line)
    return LookedAt(replace(plan, scored=by_content(plan.scored, len(found), len(cases))), found, shift)


def score_model(
    looked: LookedAt,
    request: Request,
    folder: Path,
    workers: int | None,
    progress: Progress,
) -> Scored:
    """Score and write summary.json, cases.csv and predictions into a new folder, whole or not at all.

    Raises:
        SegkitError: a case cannot be read or has no mask, or the disk refuses.
    """
    plan = looked.plan
    settings = plan.config.evaluate
    adjusted = request.model.adjusted(mirror=settings.mirror, turn=settings.turn, overlap=settings.overlap)
    predictor = adjusted.windowed(settings.window).predictor
    metrics = build_metrics(plan, progress)
    if request.groups is not None:
        # Before anything is predicted: a table that cannot be meant costs no time.
        read_groups(request.groups, [case.id for case in plan.cases[plan.split]])
    start = time.perf_counter()
    with whole_folder(folder) as building:
        predictions = building / PREDICTIONS
        predictions.mkdir()
        scores = score_cases(
            plan.reader,
            plan.data.full_name,
            plan.cases[plan.split],
            predictor,
            metrics,
            predictions=predictions if settings.save_predictions else None,
            workers=default_workers() if workers is None else workers,
            progress=progress,
            background=settings.background,
            postprocess=postprocessing(settings, plan.task, build_steps(plan)),
            expecting=lambda: estimate_of([request.model.header], Ensemble((predictor,))),
        )
        summary = summary_record(
            plan,
            scores,
            metrics,
            weights=str(request.model.header.get("weights")),
            parameters=sum(parameter.numel() for parameter in predictor.model.parameters()),
            seconds={"evaluate": time.perf_counter() - start},
        )
        generated = plan.root.generated or bool(request.model.header.get("generated_sample"))
        summary |= {
            "generated_sample": generated,
            "notice": NOTICE if generated else "",
            MODEL_DATASET: component(request.model.header, "data")["name"],
            "mirror": predictor.mirror,
            **({"turn": True} if predictor.turn else {}),
            "leaks": leaks_record((), plan.split, looked.seen),
            "shift": looked.shift,
            "calibration": request.model.header.get("calibration"),
        }
        if drawn := readers_record(plan, metrics, predictions, plan.cases[plan.split]):
            summary["readers"] = drawn
        if ranking := expected_ranking(scores, plan.split):
            # The order of cases that its line was fitted to is better than that of new ones: a fact of the figure.
            made = request.model.header.get("calibration") or {}
            own = component(request.model.header, "data")["name"] == plan.data.full_name
            summary["expected_ranking"] = {**ranking, "fitted_here": own and made.get("fitted_on") == plan.split}
        if request.groups is not None:
            summary["groups"] = group_record(request.groups, scores, metrics[0])
        write_cases(building / CASES, scores, plan.scored_task, metrics, datasets_in(plan.reader))
        write_json(building / SUMMARY, summary)
        write_text(building / CONFIG, plan.config.to_toml())
    return Scored(folder, summary)


def expected_ranking(scores: Sequence[CaseScores], split: str) -> dict[str, Any] | None:
    """Return how well the Dice that cases could expect ranked the scored ones; None where none did, or too few."""
    if any(row.expected is None for row in scores):
        return None
    expected = np.array([row.expected for row in scores], np.float64)
    ranking = rank_failures(expected, np.array([row.dice for row in scores]), [row.group for row in scores])
    return None if ranking is None else {**ranking.as_record(), "split": split}


def scores_folder(checkpoint: Path, in_run: bool, data: str, split: str) -> Path:
    """Return a new folder's name: in the run, or beside a checkpoint that stands alone."""
    base = checkpoint.parent / (SCORES if in_run else f"{checkpoint.stem}-{SCORES}") / f"{data}-{split}"
    folder, number = base, 2
    while folder.exists():
        folder, number = base.with_name(f"{base.name}-{number}"), number + 1
    return folder
