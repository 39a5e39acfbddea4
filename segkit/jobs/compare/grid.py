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
from segkit.engine.progress import Progress
from segkit.errors import SegkitError, UsageError
from segkit.jobs.compare.compose import FOLDER, default_name, file_name
from segkit.jobs.compare.models import ComparedModel, model_of
from segkit.jobs.compare.runs import FOLD, RUNS, read_compared_run
from segkit.jobs.events import Events
from segkit.jobs.report import Tell
from segkit.jobs.run import run_job
from segkit.params import describe
from segkit.planning.plan import Plan, make_plan
from segkit.rundir.names import CONFIG
from segkit.rundir.resume import MAY_DIFFER, is_finished, open_run

LOCKS = ".locks"
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
    """

    layers: Sequence[Layer]
    axes: Sequence[Axis]
    seeds: int = 1
    folds: int | None = None
    own: Mapping[str, Layer] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """One run of the grid.

    Attributes:
        label: the model's.
        name: of the run and of its directory.
    """

    label: str
    name: str
    plan: Plan


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
    first = make_plan(models[0][1], registry, environ, tell).config.run.seed
    return [
        plan_cell(label, [*layers, *repeat_layers(grid, seed, fold)], seed, fold, registry, environ)
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
) -> Cell:
    """Resolve one run."""
    name = file_name(f"{label}-seed{seed}" + ("" if fold is None else f"-fold{fold}"))
    return Cell(label, name, make_plan([*layers, Layer("segkit compare", {"run.name": name})], registry, environ))


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


def train_missing(
    cells: Sequence[Cell], folder: Path, progress: Progress, events: Events | None = None
) -> list[ComparedModel]:
    """Train every run that is not there yet, going on with those that were stopped; returns the models.

    Args:
        events: the plugins that hear of each run.

    Raises:
        SegkitError: a finished run was made with other settings, the disk is full, or a training went wrong.
        Stopped: by Ctrl-C or SIGTERM; the same call goes on where it was.
    """
    for number, cell in enumerate(cells, start=1):
        place = folder / RUNS / cell.name
        with locked(folder / LOCKS / cell.name):
            heading = f"[{number}/{len(cells)}] {cell.name}"
            if is_finished(place):
                check_same(cell, place)
                progress.message(f"{heading}: finished before")
                continue
            stopped = (place / CONFIG).exists()
            progress.message(f"{heading}: {'going on' if stopped else 'training'}")
            resume = open_run(place, forced=False) if stopped else None
            run_job(cell.plan, place, progress, resume, events=events)
        # What one run leaves behind must not count as memory of the next.
        gc.collect()
    labels = dict.fromkeys(cell.label for cell in cells)
    read = {cell.name: read_compared_run(folder / RUNS / cell.name) for cell in cells}
    return [model_of(label, [read[cell.name] for cell in cells if cell.label == label]) for label in labels]


def check_same(cell: Cell, place: Path) -> None:
    """Raise SegkitError where a finished run was made with other settings than it would be now."""
    now = cell.plan.config.flat()
    different = [
        f"{name} was {value}, is {now.get(name)}"
        for name, value in read_file(place / CONFIG).values.items()
        if name not in (*MAY_DIFFER, "run.name") and now.get(name) != value
    ]
    if different:
        raise SegkitError(
            f"{place} is finished, with other settings: {'; '.join(different[:3])}",
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
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / RUNS).is_dir())):
        raise SegkitError(f"{folder} already holds something else", "name another --output")
    return folder, name
