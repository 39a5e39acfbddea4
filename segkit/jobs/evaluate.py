"""Score a trained model on a split of its own dataset or of another one with the same classes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.device import default_workers
from segkit.engine.postprocess import postprocessing
from segkit.engine.progress import Progress
from segkit.engine.scoring import score_cases
from segkit.engine.summary import write_cases
from segkit.files import whole_folder, write_json, write_text
from segkit.model import Model
from segkit.planning import scoring
from segkit.planning.build import build_metrics
from segkit.planning.plan import Plan
from segkit.planning.trained import TrainedModel, component
from segkit.rundir.names import CASES, CONFIG, PREDICTIONS, SCORES, SUMMARY
from segkit.rundir.write import NOTICE, summary_record


@dataclass(frozen=True)
class Request:
    """What is to be scored on what.

    Attributes:
        checkpoint: the file the model is from.
        config: the run's config file; None for a checkpoint without its run.
        data: another dataset's name; None for the model's own.
        said: flags, each with the option as its source.
    """

    checkpoint: Path
    model: Model
    config: Path | None
    data: str | None
    said: Sequence[Layer]


@dataclass(frozen=True)
class Scored:
    """What came of it.

    Attributes:
        summary: what summary.json holds.
    """

    folder: Path
    summary: dict[str, Any]


def plan_scoring(request: Request, registry: Registry, tell: Callable[[str], None] | None = None) -> Plan:
    """Find data, split and metrics; raises as `segkit.planning.scoring.plan_scoring` does."""
    model = request.model
    trained = TrainedModel(
        request.checkpoint, model.header, model.task, model.image_task, tuple(model.predictor.size), request.config
    )
    return scoring.plan_scoring(trained, request.data, request.said, registry, tell=tell)


def score_model(plan: Plan, request: Request, folder: Path, workers: int | None, progress: Progress) -> Scored:
    """Score and write summary.json, cases.csv and predictions into a new folder, whole or not at all.

    Raises:
        SegkitError: a case cannot be read or has no mask, or the disk refuses.
    """
    settings = plan.config.evaluate
    predictor = request.model.adjusted(mirror=settings.mirror, overlap=settings.overlap).predictor
    metrics = build_metrics(plan)
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
            postprocess=postprocessing(settings, plan.task),
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
            "model_dataset": component(request.model.header, "data")["name"],
            "mirror": predictor.mirror,
        }
        write_cases(building / CASES, scores, plan.scored_task, metrics)
        write_json(building / SUMMARY, summary)
        write_text(building / CONFIG, plan.config.to_toml())
    return Scored(folder, summary)


def scores_folder(checkpoint: Path, in_run: bool, data: str, split: str) -> Path:
    """Return a new folder's name: in the run, or beside a checkpoint that stands alone."""
    base = checkpoint.parent / (SCORES if in_run else f"{checkpoint.stem}-{SCORES}") / f"{data}-{split}"
    folder, number = base, 2
    while folder.exists():
        folder, number = base.with_name(f"{base.name}-{number}"), number + 1
    return folder
