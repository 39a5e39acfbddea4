"""Score a trained model on a split of its own dataset or of another one with the same classes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segkit.config import PARAM_SECTIONS, ChosenParams, Config, Layer, read_environment, read_file, resolve
from segkit.data.case import Case
from segkit.data.dataset import SPLITS, DatasetReader
from segkit.data.roots import Root
from segkit.declarations import Dataset, Task
from segkit.discovery import Found, Registry
from segkit.engine.device import default_workers
from segkit.engine.postprocess import postprocessing
from segkit.engine.progress import Progress
from segkit.engine.scoring import score_cases
from segkit.engine.summary import check_aggregations, write_cases
from segkit.errors import SegkitError, UsageError
from segkit.files import whole_folder, write_json, write_text
from segkit.model import Model
from segkit.planning.build import build_metrics
from segkit.planning.dataset import choose_dataset
from segkit.planning.plan import Plan, find_losses, find_metrics, metric_of
from segkit.planning.splits import CASE_ID
from segkit.rundir.names import CASES, CONFIG, PREDICTIONS, SCORES, SUMMARY
from segkit.rundir.write import NOTICE, summary_record
from segkit.settings import SECTIONS

ADJUSTED = ("mirror", "overlap")
"""Settings of scoring that a checkpoint records."""
KEPT = ("evaluate", "metric")
"""Sections of a run's config that say how it is scored, whatever it is scored on."""


@dataclass(frozen=True)
class Request:
    """What is to be scored on what.

    Attributes:
        checkpoint: the file the model is from.
        config: the run's config file; None for a checkpoint without its run.
        data: another dataset's name; None for the model's own.
        metrics: by name; none for the run's, or the other dataset's where the model has none.
        said: flags, each with the option as its source.
    """

    checkpoint: Path
    model: Model
    config: Path | None
    data: str | None
    metrics: tuple[str, ...]
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
    """Find data, split and metrics.

    Raises:
        UsageError: a name or setting that cannot be meant, or a dataset of another task.
        SegkitError: a plugin or the data are missing.
    """
    header = request.model.header
    own = component(header, "data")
    data = registry.find("data", request.data or own["name"])
    is_own = data.full_name == own["name"]
    base = base_layers(request, is_own)
    environment = read_environment(os.environ, {*SECTIONS, *PARAM_SECTIONS})
    said = [layer_of(environment, ("data", *KEPT)), *request.said]
    about_data = [layer_of(layer, ("data",)) for layer in [*base, *said]]
    reader, root = choose_dataset(data, about_data).open(tell)
    check_task(request.model, reader, data)
    recipe = {**reader.recipe, **dict(reader.recipe.get(str(header["preprocessing"].get("mode")), {}))}
    metrics = find_metrics(registry, request.metrics or metric_names(header) or recipe.get("components.metrics"))
    chosen = [ChosenParams("data", data.component.name, data.component.params)]
    chosen += [ChosenParams("metric", item.component.name, item.component.params) for item in metrics]
    recipe_layer = Layer(f"recipe of {data.component.name}", {} if is_own else recipe)
    layers = [layer_of(recipe_layer, ("evaluate",)), *base, *said]
    config = resolve([without_other_metrics(layer, metrics) for layer in layers], chosen)
    check_aggregations(config.evaluate.aggregation, [metric_of(found) for found in metrics])
    cases = {split: list(reader.cases(split)) for split in SPLITS}
    split = choose_split(config.evaluate.split, cases)
    moved = is_own and request.config is not None and moved_root(request.config, root)
    if is_own and bool(header.get("generated_sample")) != root.generated:
        note = UNLIKE[root.generated]
    else:
        note = split_note(split, str(header.get("weights")), own["name"], is_own=is_own, moved=moved)
    return as_plan(request, registry, config, data, metrics, root, reader, cases, split, note)


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
            "trained_on": component(request.model.header, "data")["name"],
            "mirror": predictor.mirror,
        }
        write_cases(building / CASES, scores, plan.scored_task, metrics)
        write_json(building / SUMMARY, summary)
        write_text(building / CONFIG, plan.config.to_toml())
    return Scored(folder, summary)


def base_layers(request: Request, is_own: bool) -> list[Layer]:
    """Return how the run was scored, and on its own dataset how that was read: from its config, else its checkpoint."""
    header = request.model.header
    if request.config is not None:
        return [layer_of(read_file(request.config), (*KEPT, "data") if is_own else KEPT, without=("evaluate.split",))]
    own = component(header, "data")
    values = {f"data.{name}": value for name, value in own["params"].items()} if is_own else {}
    for item in header["components"]:
        if item["kind"] == "metric":
            short = item["name"].rpartition(":")[2]
            values |= {f"metric.{short}.{name}": value for name, value in item["params"].items()}
    values |= {f"evaluate.{name}": value for name, value in header.get("postprocess", {}).items()}
    values |= {
        f"evaluate.{name}": header["preprocessing"][name] for name in ADJUSTED if name in header["preprocessing"]
    }
    return [Layer(request.checkpoint.name, values)]


def layer_of(layer: Layer, sections: Sequence[str], without: Sequence[str] = ()) -> Layer:
    """Return what a layer says of some sections."""
    prefixes = tuple(f"{section}." for section in sections)
    kept = {name: value for name, value in layer.values.items() if name.startswith(prefixes) and name not in without}
    return Layer(layer.source, kept)


def without_other_metrics(layer: Layer, metrics: Sequence[Found]) -> Layer:
    """Leave out the params of metrics that are not scored with, which a config may hold and a flag may not."""
    if not layer.source.startswith(("config file", "model")):
        return layer
    own = {item.component.name for item in metrics}
    kept = {
        name: value
        for name, value in layer.values.items()
        if not name.startswith("metric.") or name.count(".") < 2 or name.split(".")[1] in own
    }
    return Layer(layer.source, kept)


def component(header: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return the component of a kind that a checkpoint names; raises SegkitError where it names none."""
    found: Mapping[str, Any] | None = next((item for item in header["components"] if item["kind"] == kind), None)
    if found is None:
        raise SegkitError(f"the checkpoint names no {kind}", f"say --{kind} NAME")
    return found


def metric_names(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the metrics that a checkpoint was scored with."""
    return tuple(item["name"] for item in header["components"] if item["kind"] == "metric")


def check_task(model: Model, reader: DatasetReader, data: Found) -> None:
    """Raise UsageError where a dataset's images or classes are not those of the model."""
    wanted, found = model.image_task, reader.task
    for what, one, other in (
        ("classes", wanted.classes, found.classes),
        ("channels", wanted.in_channels, found.in_channels),
        ("axes", wanted.spatial_dims, found.spatial_dims),
    ):
        if one != other:
            shown = [", ".join(value) if isinstance(value, tuple) else value for value in (one, other)]
            raise UsageError(
                f"dataset {data.component.name} has {what} {shown[1]}, the model {shown[0]}",
                "score it on a dataset with the same classes, in the same order",
            )


def choose_split(wanted: str, cases: Mapping[str, Sequence[Case]]) -> str:
    """Return the split to score: as asked, else test, val or train, whichever there is first."""
    present = [split for split in SPLITS if cases[split]]
    if wanted != "auto" and wanted not in present:
        raise UsageError(f"--split {wanted}: the data have no such split", f"there are: {', '.join(present) or 'none'}")
    if not present:
        raise SegkitError("the dataset has no cases", "check --data-root")
    split = wanted if wanted != "auto" else next(name for name in ("test", "val", "train") if name in present)
    for case in cases[split]:
        if not CASE_ID.match(case.id):
            raise SegkitError(f"case id {case.id!r} cannot name a file", "report it to the dataset's author")
    return split


UNLIKE = {
    False: "real cases, none of which the model was trained on: its own were drawn by a program",
    True: "a generated sample, on which the model was not trained: its own cases were real",
}
"""What cases are to a model of the same dataset, by whether they are generated where its own were not."""


def split_note(split: str, weights: str, trained_on: str, *, is_own: bool, moved: bool) -> str:
    """Say what the scored cases were to the model: whether it was trained on them or selected by them."""
    if not is_own:
        return f"another dataset than {trained_on}, which the model was trained on"
    selected = weights.startswith("epoch")
    note = {
        "train": "the model was trained on these cases: the scores say how well it has learnt them, no more",
        "val": "SELECTED ON THIS SPLIT: the epoch was chosen by its score on these cases"
        if selected
        else "the last epoch's weights: nothing was selected on these cases",
        "test": "neither trained nor selected on these cases",
    }[split]
    return (
        f"{note}; read from another folder than in training: whether its cases are the same is not known"
        if moved
        else note
    )


def moved_root(config: Path, root: Root) -> bool:
    """Whether the data are in another folder than a run's config says."""
    said = read_file(config).values.get("data.root")
    return isinstance(said, str) and said != "none" and Path(said).resolve() != root.path.resolve()


def as_plan(
    request: Request,
    registry: Registry,
    config: Config,
    data: Found,
    metrics: tuple[Found, ...],
    root: Root,
    reader: DatasetReader,
    cases: Mapping[str, Sequence[Case]],
    split: str,
    note: str,
) -> Plan:
    """Put together what is scored, in the form that summaries are made from."""
    header, model = request.model.header, request.model
    arch = registry.find("arch", component(header, "arch")["name"])
    losses = []
    try:
        losses = list(find_losses(registry, str(header.get("loss"))))
    except SegkitError:
        losses = []  # they were needed for training; a machine that scores need not have them
    name = config.run.name or f"{arch.component.name}-{data.component.name}-{split}"
    mode = str(header["preprocessing"].get("mode"))
    config = replace(
        config,
        components=replace(
            config.components,
            arch=arch.full_name,
            data=data.full_name,
            loss=header.get("loss"),
            metrics=tuple(found.full_name for found in metrics),
        ),
        run=replace(config.run, name=name),
        data=replace(
            config.data, mode=mode, root=None if root.generated else str(root.path.resolve()), size=model.predictor.size
        ),
    )
    assert isinstance(data.component, Dataset)
    task = Task(model.task.in_channels, model.task.classes, model.task.spatial_dims)
    size = model.predictor.size
    return Plan(config, arch, data, tuple(losses), metrics, root, reader, task, size, cases, split, note, None)


def scores_folder(checkpoint: Path, in_run: bool, data: str, split: str) -> Path:
    """Return a new folder's name: in the run, or beside a checkpoint that stands alone."""
    base = checkpoint.parent / (SCORES if in_run else f"{checkpoint.stem}-{SCORES}") / f"{data}-{split}"
    folder, number = base, 2
    while folder.exists():
        folder, number = base.with_name(f"{base.name}-{number}"), number + 1
    return folder
