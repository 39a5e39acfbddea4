"""A grid of runs: every combination of what is compared, for every seed and fold, trained where it is not there yet."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from segkit.config import Layer, read_file
from segkit.data.folders import locked
from segkit.declarations import Dataset
from segkit.discovery import Registry
from segkit.engine.memory import out_of_memory
from segkit.engine.progress import Progress
from segkit.errors import SegkitError, UsageError, one_line
from segkit.jobs.compare.compose import FOLDER, default_name, file_name
from segkit.jobs.compare.models import ComparedModel, model_of
from segkit.jobs.compare.runs import FOLD, RUNS, read_compared_run
from segkit.jobs.events import Events
from segkit.jobs.launch.engine import Engine
from segkit.jobs.launch.job import Job, RunJob
from segkit.jobs.launch.watch import carry_out
from segkit.jobs.report import Tell
from segkit.jobs.run import run_job
from segkit.params import describe
from segkit.planning.plan import Plan, make_plan
from segkit.planning.source import Source
from segkit.rundir.allowances import MAY_DIFFER
from segkit.rundir.names import CONFIG
from segkit.rundir.resume import open_run
from segkit.rundir.stage import Stage, standing_of

LOCKS = ".locks"
JOBS = ".jobs"
"""What the launcher's jobs print, a folder each."""
PLAIN_AXES = ("components.arch", "components.loss")
"""Axes whose values say enough by themselves; of others the setting's name is said too."""


@dataclass(frozen=True)
class Axis:
    """A setting that the compared models differ in.

    Attributes:
        source: the option that named it.
        setting: dotted name.
    """

    source: str
    setting: str
    values: tuple[str, ...]

    def word(self, value: str) -> str:
        """What a model's label says of its value."""
        return value if self.setting in PLAIN_AXES else f"{self.setting.rpartition('.')[2]}={value}"


@dataclass(frozen=True)
class Grid:
    """What is to be compared.

    Attributes:
        layers: settings of all models, config file and flags as `segkit.planning.plan.make_plan` takes them.
        axes: models are all combinations of their values.
        own: further settings of models, by a word of their labels.
        folds: number of folds; None for the dataset's own splits.
        source: the weights that every model starts from; None for its own.
    """

    layers: Sequence[Layer]
    axes: Sequence[Axis]
    seeds: int = 1
    folds: int | None = None
    own: Mapping[str, Layer] = field(default_factory=dict)
    source: Source | None = None


@dataclass(frozen=True)
class Cell:
    """One run of the grid.

    Attributes:
        label: the model's.
        name: of the run and of its directory.
        fold: None for the dataset's own splits.
    """

    label: str
    name: str
    plan: Plan
    seed: int = 0
    fold: int | None = None


def plan_grid(
    grid: Grid, registry: Registry, environ: Mapping[str, str] | None = None, tell: Tell | None = None
) -> list[Cell]:
    """Resolve every run of a grid before the first one starts; models in their order, then seeds, then folds.

    Raises:
        UsageError: a model cannot be meant, is named twice or is alone, or the dataset has no folds.
        SegkitError: the data are not there.
    """
    chosen = list(combinations(grid.axes))
    labels = [" ".join(axis.word(value) for axis, value in varying(grid.axes, pairs)) for pairs in chosen]
    check_labels(grid, labels)
    check_folds(grid, registry)
    models = [(label, model_layers(grid, pairs)) for label, pairs in zip(labels, chosen, strict=True)]
    # Whatever said it, flag, file or environment: the seeds follow the first one.
    first = make_plan(models[0][1], registry, environ, tell, grid.source).config.run.seed
    return [
        plan_cell(label, [*layers, *repeat_layers(grid, seed, fold)], seed, fold, registry, environ, grid.source)
        for label, layers in models
        for seed, fold in product(range(first, first + grid.seeds), range(grid.folds) if grid.folds else (None,))
    ]


def combinations(axes: Sequence[Axis]) -> Iterator[list[tuple[Axis, str]]]:
    """Yield every choice of one value per axis."""
    for values in product(*(axis.values for axis in axes)):
        yield list(zip(axes, values, strict=True))


def model_layers(grid: Grid, chosen: Sequence[tuple[Axis, str]]) -> list[Layer]:
    """The settings of one model."""
    words = [value for _, value in chosen]
    # Held-out cases are scored, whatever else the data hold; what is said of all models goes before it.
    split = [Layer("--folds", {"evaluate.split": "val"})] if grid.folds else []
    values = [Layer(axis.source, {axis.setting: value}) for axis, value in chosen]
    return [*split, *grid.layers, *values, *(layer for word, layer in grid.own.items() if word in words)]


def repeat_layers(grid: Grid, seed: int, fold: int | None) -> list[Layer]:
    """The settings of one seed and fold."""
    folds = [] if fold is None else [Layer("--folds", {FOLD: fold, "data.folds": grid.folds})]
    return [*folds, Layer("--seeds", {"run.seed": seed})]


def plan_cell(
    label: str,
    layers: Sequence[Layer],
    seed: int,
    fold: int | None,
    registry: Registry,
    environ: Mapping[str, str] | None,
    source: Source | None,
) -> Cell:
    """Resolve one run."""
    name = file_name(f"{label}-seed{seed}" + ("" if fold is None else f"-fold{fold}"))
    plan = make_plan([*layers, Layer("segkit compare", {"run.name": name})], registry, environ, source=source)
    return Cell(label, name, plan, seed, fold)


def varying(axes: Sequence[Axis], chosen: Sequence[tuple[Axis, str]]) -> list[tuple[Axis, str]]:
    """The axes that a label has to speak of: those with several values."""
    several = [(axis, value) for axis, value in chosen if len(axis.values) > 1]
    return several or list(chosen[:1])


def check_labels(grid: Grid, labels: Sequence[str]) -> None:
    """Raise UsageError where there is nothing to compare, or a setting is for no model."""
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]} is named twice", "name every model once")
    if len(labels) < 2:
        raise UsageError("one model alone cannot be compared", "give --arch, --loss or --vary a second time")
    words = {value for axis in grid.axes for value in axis.values}
    for word in grid.own:
        if word not in words:
            raise UsageError(f"--set {word}:... is for no model", f"say it of {', '.join(sorted(words))}")


def check_folds(grid: Grid, registry: Registry) -> None:
    """Raise UsageError where folds are asked for and the dataset does not offer any."""
    if grid.folds is None:
        return
    names = [layer.values["components.data"] for layer in grid.layers if "components.data" in layer.values]
    found = registry.find("data", str(names[-1])) if names else None
    if found is not None and isinstance(found.component, Dataset):
        params = describe(found.component.params)
        if not {"fold", "folds"} <= set(params):
            raise UsageError(
                f"--folds: dataset {found.component.name} deals out no folds", "leave --folds out, or use --seeds"
            )


@dataclass(frozen=True)
class TrainedGrid:
    """What came of a grid.

    Attributes:
        models: those with at least one seed of which every run is finished.
        failed: name and reason of every run that is not.
    """

    models: list[ComparedModel]
    failed: dict[str, str]


def train_missing(cells: Sequence[Cell], folder: Path, progress: Progress, events: Events | None = None) -> TrainedGrid:
    """Train every run that is not there yet, going on with those that were stopped or failed.

    A run that fails is told and keeps no other one from being trained; the same call tries it again.

    Args:
        events: the plugins that hear of each run.

    Raises:
        SegkitError: a run that is there was made with other settings.
        Stopped: by Ctrl-C or SIGTERM; the same call goes on where it was.
    """
    for cell in cells:
        check_same(cell, folder / RUNS / cell.name)
    failed: dict[str, str] = {}
    for number, cell in enumerate(cells, start=1):
        heading = f"[{number}/{len(cells)}] {cell.name}"
        try:
            train_cell(cell, folder, heading, progress, events)
        except Exception as error:  # of the run, of its components or of the machine: out of memory
            failed[cell.name] = reason_of_failure(error, folder / RUNS / cell.name)
            progress.message(f"{heading}: failed: {failed[cell.name]}")
        # What one run leaves behind must not count as memory of the next.
        gc.collect()
    return TrainedGrid(finished_models([cell for cell in cells if cell.name not in failed], cells, folder), failed)


def launch_missing(cells: Sequence[Cell], folder: Path, progress: Progress, engine: Engine) -> TrainedGrid:
    """Let an engine train every run that is not there yet, each as `segkit run`; taken up again as `train_missing` is.

    Raises:
        SegkitError: as `train_missing`; another command does the same; the engine does not answer.
        Stopped: by Ctrl-C or SIGTERM.
    """
    for cell in cells:
        check_same(cell, folder / RUNS / cell.name)
    failed = carry_out(jobs_of(cells, folder), engine, folder / JOBS, progress)
    return TrainedGrid(finished_models([cell for cell in cells if cell.name not in failed], cells, folder), failed)


def jobs_of(cells: Sequence[Cell], folder: Path) -> list[Job]:
    """The runs of a grid as jobs; paths are whole, as an engine may start them anywhere."""
    place = folder.absolute()
    return [RunJob(cell.name, place / RUNS / cell.name, place / JOBS / cell.name, cell.plan) for cell in cells]


def train_cell(cell: Cell, folder: Path, heading: str, progress: Progress, events: Events | None) -> None:
    """Train one run, or go on with it, where it is not finished."""
    place = folder / RUNS / cell.name
    with locked(folder / LOCKS / cell.name):
        if standing_of(place).stage is Stage.FINISHED:
            check_same(cell, place)
            progress.message(f"{heading}: finished before")
            return
        stopped = (place / CONFIG).exists()
        progress.message(f"{heading}: {'going on' if stopped else 'training'}")
        resume = open_run(place) if stopped else None
        run_job(cell.plan, place, progress, resume, events=events)


def reason_of_failure(error: Exception, place: Path) -> str:
    """Say in one line why a run failed; no object of the run is kept, which would keep its memory."""
    if isinstance(error, SegkitError):
        return str(error)
    if out_of_memory(error):
        return "it does not fit into memory; choose a smaller --batch-size or --size for it"
    reason = one_line(f"{type(error).__name__}: {error}")
    return f"{reason}; see where with: segkit run --resume {place} --traceback"


def finished_models(done: Sequence[Cell], cells: Sequence[Cell], folder: Path) -> list[ComparedModel]:
    """Return the models of the finished runs; a seed of which a fold failed is left out whole."""
    folds = len({cell.fold for cell in cells})
    models = []
    for label in dict.fromkeys(cell.label for cell in done):
        own = [cell for cell in done if cell.label == label]
        whole = {seed for seed, count in Counter(cell.seed for cell in own).items() if count == folds}
        runs = [read_compared_run(folder / RUNS / cell.name) for cell in own if cell.seed in whole]
        models += [model_of(label, runs)] if runs else []
    return models


def check_same(cell: Cell, place: Path) -> None:
    """Raise SegkitError where a run that is there was made with other settings than it would be now."""
    if not (place / CONFIG).exists():
        return
    now = cell.plan.config.flat()
    different = [
        f"{name} was {value}, is {now.get(name)}"
        for name, value in read_file(place / CONFIG).values.items()
        if name not in (*MAY_DIFFER, "run.name") and now.get(name) != value
    ]
    if different:
        raise SegkitError(
            f"{place} is {standing_of(place).stage}, with other settings: {'; '.join(different[:3])}",
            "give another --output or --name for this comparison",
        )


def grid_folder(cells: Sequence[Cell], name: str | None, output: str | None) -> tuple[Path, str]:
    """Choose the directory and the name of a grid: the same for the same call, so that it goes on where it was.

    Raises:
        SegkitError: the directory holds something that is no comparison.
    """
    labels = list(dict.fromkeys(cell.label for cell in cells))
    name = name or f"{default_name(labels)}-{cells[0].plan.data.component.name}"
    folder = Path(output) if output is not None else FOLDER / file_name(name)
    if folder.exists() and not (folder.is_dir() and is_comparison(folder)):
        raise SegkitError(f"{folder} already holds something else", "name another --output")
    return folder, name


def is_comparison(folder: Path) -> bool:
    """Whether a directory is a grid's, or empty, or was left by one that was killed before its first run was made."""
    return (folder / RUNS).is_dir() or all(path.name in (LOCKS, JOBS) for path in folder.iterdir())
