"""The whole job, composed: config, data, training, evaluation, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segkit import __version__
from segkit.config import Config
from segkit.errors import SegkitError
from segkit.files import write_json, write_text
from segkit.params import plain
from segkit.plan import Plan, run_folder

if TYPE_CHECKING:
    import torch
    from torch import nn

    from segkit.data.normalize import Normalization
    from segkit.data.store import Store
    from segkit.engine.infer import Predictor
    from segkit.engine.measure import CaseScores, ChosenMetric
    from segkit.engine.progress import Progress
    from segkit.settings import Augment

NOTICE = "generated sample: not real data"


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


@dataclass(frozen=True)
class Trained:
    """What training gives to the steps after it."""

    predictor: Predictor
    weights: str
    parameters: int
    seconds: dict[str, float]


def run_job(plan: Plan, progress: Progress) -> RunResult:
    """Carry out a plan: train, score, report.

    Raises:
        SegkitError: the output directory is taken, a case cannot be read, training diverges, the disk is full.
    """
    import torch

    from segkit.engine.device import choose_device, default_workers, describe_machine, set_determinism, set_threads

    config = plan.config
    device = choose_device(config.run.device)
    set_threads(config.run.threads)
    if config.run.deterministic:
        set_determinism(device)
    workers = default_workers() if config.run.workers is None else config.run.workers
    folder = run_folder(plan)
    announce(plan, folder, progress)
    stores, seconds = open_stores(plan, workers, progress)
    start_folder(folder, config)
    write_json(folder / "environment.json", {"segkit": __version__, **describe_machine(device), **versions(plan)})
    torch.manual_seed(config.run.seed)
    metrics = build_metrics(plan)
    trained = train_model(plan, stores, metrics, device, workers, folder, seconds, progress)
    scores = score_split(plan, trained, metrics, workers, folder, progress)
    summary = write_summary(plan, trained, scores, metrics, folder)
    report_run(plan, scores, metrics, folder, progress)
    return RunResult(folder, summary)


def announce(plan: Plan, folder: Path, progress: Progress) -> None:
    """Say first where the data are from, what is scored, and where the run goes."""
    counts = ", ".join(f"{split} {len(cases)}" for split, cases in plan.cases.items() if cases)
    progress.message(f"data: {plan.root.path} ({plan.root.source}): {counts}")
    if plan.root.generated:
        homepage = getattr(plan.data.component, "homepage", "")
        where = f"; the real data: {homepage}" if homepage else ""
        progress.message(
            f"GENERATED SAMPLE: these images are drawn by a program, the scores say nothing about patients{where}"
        )
    progress.message(f"scores: {plan.split} split ({plan.split_note})")
    progress.message(f"run: {folder}")


def start_folder(folder: Path, config: Config) -> None:
    """Make the run directory and write the resolved config into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "predictions").mkdir(exist_ok=True)
    except OSError as error:
        raise SegkitError(
            f"cannot make the run directory {folder}: {error.strerror}", "name another --output"
        ) from None
    write_text(folder / "config.toml", config.to_toml())


def versions(plan: Plan) -> dict[str, list[dict[str, str]]]:
    """Full name and version of every component."""
    listed = [
        {"kind": item.component.kind, "name": item.full_name, "version": item.plugin.version} for item in plan.chosen
    ]
    return {"components": listed}


def open_stores(plan: Plan, workers: int, progress: Progress) -> tuple[dict[str, Store], dict[str, float]]:
    """Open the stores that training needs, building what is not there."""
    from segkit.data.roots import cache_folder
    from segkit.data.store import open_store

    start = time.perf_counter()
    stores = {}
    for split in ("train", "val"):
        if not plan.cases[split]:
            continue
        progress.start(f"store {split}", len(plan.cases[split]), "cases")
        stores[split] = open_store(
            plan.reader,
            plan.data.full_name,
            plan.cases[split],
            plan.size,
            folder=cache_folder() / "stores",
            workers=max(1, workers),
            progress=counting(progress),
            settings=plain(plan.config.params_of("data", plan.data.component.name)),
        )
        progress.finish()
    return stores, {"data": time.perf_counter() - start}


def counting(progress: Progress) -> Callable[[int, int], None]:
    """Turn a (done, total) callback into steps."""
    seen = 0

    def advance(done: int, total: int) -> None:
        nonlocal seen
        progress.advance(done - seen)
        seen = done

    return advance


def build_metrics(plan: Plan) -> list[ChosenMetric]:
    """Import the metrics and give them their params."""
    from segkit.declarations import Metric
    from segkit.engine.measure import ChosenMetric

    built = []
    for item in plan.metrics:
        assert isinstance(item.component, Metric)
        params = plan.config.params_of("metric", item.component.name)
        score = item.load()(plan.task, params)
        built.append(ChosenMetric(item.component, params, item.load("measure"), score))
    return built


def build_model(plan: Plan) -> nn.Module:
    """Build the network; raises SegkitError where its plugin returns something else."""
    from torch import nn

    model = plan.arch.load()(plan.task, plan.config.params_of("arch", plan.arch.component.name))
    if not isinstance(model, nn.Module):
        raise SegkitError(
            f"{plan.arch.full_name} built {type(model).__name__}, not a torch.nn.Module", "report it to its author"
        )
    minimum = getattr(model, "size_minimum", 1)
    if min(plan.size) < minimum:
        raise SegkitError(
            f"arch {plan.arch.component.name} takes sides of {minimum} and more, the working size is {plan.size}",
            f"say --size {minimum} or larger",
        )
    return model


def train_model(
    plan: Plan,
    stores: dict[str, Store],
    metrics: Sequence[ChosenMetric],
    device: torch.device,
    workers: int,
    folder: Path,
    seconds: dict[str, float],
    progress: Progress,
) -> Trained:
    """Train, write history.jsonl as it goes and model.safetensors at the end."""
    import torch

    from segkit.data.batches import Batches
    from segkit.data.normalize import make_normalization
    from segkit.engine.checkpoint import save_model
    from segkit.engine.evaluate import count_parameters, validate
    from segkit.engine.infer import Predictor
    from segkit.engine.objective import Objective, WeightedLoss
    from segkit.engine.train import Trainer

    config = plan.config
    start = time.perf_counter()
    normalization = make_normalization(config.data, stores["train"])
    layout = torch.channels_last if plan.task.spatial_dims == 2 else torch.channels_last_3d
    model: nn.Module = build_model(plan).to(device).to(memory_format=layout)
    parameters = count_parameters(model)
    progress.message(f"model: {plan.arch.full_name}, {parameters:,} parameters, on {device}")
    terms = [
        WeightedLoss(
            term.name,
            term.factor,
            found.load()(plan.task, config.params_of("loss", found.component.name)),
            getattr(found.component, "scope", "sample"),
        )
        for term, found in plan.losses
    ]

    def predictor(model: nn.Module, *, mirror: bool) -> Predictor:
        return Predictor(model.eval(), plan.task, plan.size, normalization, device, config.run.autocast, mirror)

    def score_store(model: nn.Module) -> dict[str, float]:
        return validate(batches_of("val", 1, None), predictor(model, mirror=False), metrics)

    def batches_of(split: str, batch_size: int, augment: Augment | None) -> Batches:
        return Batches(
            stores[split],
            batch_size=batch_size,
            seed=config.run.seed,
            augment=augment,
            normalization=normalization,
            device=device,
            workers=workers,
        )

    trainer = Trainer(
        model,
        Objective(terms),
        batches_of("train", config.train.batch_size, config.augment),
        config.train,
        config.run,
        device,
        validate=score_store if "val" in stores else None,
        select=selection(plan, metrics),
        progress=progress,
    )
    with (folder / "history.jsonl").open("a", encoding="utf-8") as history:
        for record in trainer.epochs():
            history.write(json_line(record))
            history.flush()
    best, weights = trainer.finish()
    save_model(folder / "model.safetensors", best, model_header(plan, normalization, stores, weights))
    took = {**seconds, "train": time.perf_counter() - start}
    return Trained(predictor(best, mirror=config.evaluate.mirror), weights, parameters, took)


def json_line(record: dict[str, Any]) -> str:
    """Write one line of history.jsonl; a figure that is not finite becomes null."""
    import json
    import math

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(inner) for key, inner in value.items()}
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(clean(record), sort_keys=True) + "\n"


def selection(plan: Plan, metrics: Sequence[ChosenMetric]) -> tuple[str, bool] | None:
    """The validated figure that picks the best epoch; None where picking would be on the scored split."""
    if not plan.selects:
        return None
    wanted = plan.config.train.selection
    for metric in metrics:
        if wanted in (None, metric.name):
            return f"{metric.name}@store", metric.declaration.higher_is_better
    known = ", ".join(metric.name for metric in metrics)
    raise SegkitError(f"train.selection={wanted} is not among the run's metrics", f"they are: {known}")


def model_header(plan: Plan, normalization: Normalization, stores: dict[str, Store], weights: str) -> dict[str, Any]:
    """What model.safetensors says of itself; no time, path, host or run name."""
    listed = [
        {
            "kind": item.component.kind,
            "name": item.full_name,
            "version": item.plugin.version,
            "params": plain(plan.config.params_of(item.component.kind, item.component.name)),
        }
        for item in plan.chosen
    ]
    task = plan.task
    return {
        "segkit": __version__,
        "components": listed,
        "loss": plan.config.components.loss,
        "task": {"in_channels": task.in_channels, "classes": list(task.classes), "spatial_dims": task.spatial_dims},
        "preprocessing": {
            "mode": plan.config.data.mode,
            "size": list(plan.size),
            "normalization": normalization.to_dict(),
        },
        "training": {**plain(plan.config.train), "augment": plain(plan.config.augment), "seed": plan.config.run.seed},
        "weights": weights,
        "data": {split: store.fingerprint for split, store in stores.items()},
        "generated_sample": plan.root.generated,
    }


def score_split(
    plan: Plan, trained: Trained, metrics: Sequence[ChosenMetric], workers: int, folder: Path, progress: Progress
) -> list[CaseScores]:
    """Score the plan's split on each case's own grid and write cases.csv."""
    from segkit.engine.evaluate import evaluate
    from segkit.engine.summary import write_cases

    start = time.perf_counter()
    scores = evaluate(
        plan.reader,
        plan.cases[plan.split],
        trained.predictor,
        metrics,
        predictions=folder / "predictions" if plan.config.evaluate.save_predictions else None,
        workers=workers,
        progress=progress,
    )
    write_cases(folder / "cases.csv", scores, plan.task, metrics)
    trained.seconds["evaluate"] = time.perf_counter() - start
    return scores


def write_summary(
    plan: Plan, trained: Trained, scores: Sequence[CaseScores], metrics: Sequence[ChosenMetric], folder: Path
) -> dict[str, Any]:
    """Write summary.json and return what it holds."""
    from segkit.engine.summary import score_rows

    component = plan.data.component
    summary = {
        "format": 1,
        "segkit": __version__,
        "name": plan.config.run.name,
        "generated_sample": plan.root.generated,
        "notice": NOTICE if plan.root.generated else "",
        "dataset": {
            "name": plan.data.full_name,
            "summary": component.summary,
            "homepage": getattr(component, "homepage", ""),
        },
        "split": plan.split,
        "split_note": plan.split_note,
        "cases": {split: len(cases) for split, cases in plan.cases.items()},
        "weights": trained.weights,
        "task": {
            "in_channels": plan.task.in_channels,
            "classes": list(plan.task.classes),
            "spatial_dims": plan.task.spatial_dims,
        },
        "parameters": trained.parameters,
        "working_size": list(plan.size),
        "main_metric": metrics[0].name,
        "higher_is_better": {metric.name: metric.declaration.higher_is_better for metric in metrics},
        **versions(plan),
        "seconds": {name: round(value, 3) for name, value in trained.seconds.items()},
        "scores": score_rows(scores, plan.task, metrics),
    }
    write_json(folder / "summary.json", summary)
    return summary


def report_run(
    plan: Plan, scores: Sequence[CaseScores], metrics: Sequence[ChosenMetric], folder: Path, progress: Progress
) -> None:
    """Write figures and report.html."""
    from segkit.engine.evaluate import read_checked, read_labels
    from segkit.report import CasePicture, choose_cases, write_report

    main = metrics[0]
    by_case = {row.case: mean_of_classes(row.values[main.name]) for row in scores}
    pictures = []
    cases = {case.id: case for case in plan.cases[plan.split]}
    if plan.task.spatial_dims == 2 and plan.config.evaluate.save_predictions:
        for label, case_id in choose_cases(by_case, higher_is_better=main.declaration.higher_is_better):
            sample = read_checked(plan.reader, cases[case_id])
            assert sample.mask is not None
            prediction = read_labels(folder / "predictions" / f"{case_id}.png")
            picture = CasePicture(
                case=case_id,
                label=label,
                image=displayable(sample.image),
                reference=sample.mask,
                prediction=prediction,
                score=by_case[case_id],
                score_name=main.name,
            )
            pictures.append(picture)
    progress.start("report", 1, "pages")
    write_report(folder, pictures)
    progress.advance()
    progress.finish()


def mean_of_classes(values: Any) -> float:
    """The mean of the values that are numbers; NaN where there is none."""
    numbers = [float(value) for value in values if value == value]
    return sum(numbers) / len(numbers) if numbers else float("nan")


def displayable(image: Any) -> Any:
    """Turn an image (C, H, W) into (H, W, 3) uint8: three channels as they are, else the first one as grey."""
    import numpy as np

    channels = image if image.shape[0] == 3 else np.repeat(image[:1], 3, axis=0)
    if channels.dtype != np.uint8:
        low, high = np.percentile(channels, (1, 99))
        channels = (np.clip((channels - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(channels.transpose(1, 2, 0))
