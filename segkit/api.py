"""The Python interface: what the command does, as functions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segkit.discovery import Found
    from segkit.engine.progress import Progress
    from segkit.jobs.compare.compose import ComparisonResult
    from segkit.jobs.evaluate import Scored
    from segkit.jobs.run import RunResult
    from segkit.model import Model


def run(
    *,
    arch: str | None = None,
    data: str | Sequence[str] | None = None,
    data_root: str | Path | Sequence[str | Path] | None = None,
    loss: str | None = None,
    metrics: Sequence[str] = (),
    size: int | Sequence[int] | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    output: str | Path | None = None,
    config: str | Path | None = None,
    start_from: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | bool = True,
) -> RunResult:
    """Train, score and report, as `segkit run` does.

    Args:
        data: a dataset, or several that one network is trained on.
        data_root: the folder of the data, or of each of several datasets ("" where it is to be looked for).
        start_from: a run directory or a file of weights, as --from takes it.
        settings: any other config field or param by dotted name, such as {"arch.width": 32}.
        progress: True: lines on stderr, which a notebook shows; False: none; or who is told how it goes.

    Returns:
        The finished run: its folder and what summary.json holds.

    Raises:
        UsageError: something cannot be meant.
        SegkitError: the data, the disk or the training went wrong.
    """
    from segkit.config import Layer
    from segkit.discovery import Registry
    from segkit.jobs.events import Events
    from segkit.jobs.run import run_job
    from segkit.planning.plan import make_plan, read_config
    from segkit.rundir.source import open_source

    given = {
        "components.arch": arch,
        "components.data": " + ".join([data] if isinstance(data, str) else data) if data else None,
        "components.loss": loss,
        "components.metrics": tuple(metrics) or None,
        "data.root": None if data_root is None else as_one_root(data_root),
        "data.size": size,
        "train.epochs": epochs,
        "run.seed": seed,
        "run.output": None if output is None else str(output),
        **(settings or {}),
    }
    registry = Registry.discover()
    layers = [read_config(str(config), registry)] if config is not None else []
    layers.append(Layer("segkit.run", {name: value for name, value in given.items() if value is not None}))
    told = watcher(progress)
    source = open_source(str(start_from)) if start_from is not None else None
    plan = make_plan(layers, registry, tell=told.message, source=source)
    return run_job(plan, None, told, events=Events(registry.manager, told.message))


def as_one_root(roots: str | Path | Sequence[str | Path]) -> str:
    """Return folders as the setting data.root holds them, separated as the platform separates paths."""
    return str(roots) if isinstance(roots, str | Path) else os.pathsep.join(map(str, roots))


def compare(
    runs: Sequence[str | Path | RunResult],
    *,
    name: str | None = None,
    output: str | Path | None = None,
    data_root: str | Path | None = None,
    anonymous: bool = False,
    progress: Progress | bool = True,
) -> ComparisonResult:
    """Say which of several finished runs is better, by how much, and whether that is sure, as `segkit compare` does.

    Args:
        runs: run directories, or what `segkit.run` returned; runs that differ in the seed alone are one model.
        data_root: where the data are now, for the pictures.
        progress: as of `segkit.run`.

    Returns:
        The directory of the comparison and what comparison.json holds.

    Raises:
        UsageError: fewer than two runs, or runs that cannot be compared.
        SegkitError: a run is not finished, or the directory is there already.
    """
    from segkit.discovery import Registry
    from segkit.jobs.compare.compose import compare_finished, comparison_folder
    from segkit.jobs.compare.models import group_runs
    from segkit.jobs.compare.runs import read_runs

    folders = [Path(one) if isinstance(one, str | Path) else one.folder for one in runs]
    models = group_runs(read_runs(folders))
    folder, title = comparison_folder(name, None if output is None else str(output), models)
    root = None if data_root is None else str(data_root)
    tell = watcher(progress).message
    return compare_finished(
        models, folder, title, Registry.discover(), data_root=root, anonymous=anonymous, tell=tell, failed={}
    )


def evaluate(
    model: str | Path,
    *,
    split: str | None = None,
    data: str | None = None,
    data_root: str | Path | None = None,
    metrics: Sequence[str] = (),
    groups: str | Path | None = None,
    output: str | Path | None = None,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
    progress: Progress | bool = True,
) -> Scored:
    """Score a trained model again, as `segkit evaluate` does: another split, other metrics, another dataset.

    Args:
        model: a run directory or a model.safetensors.
        split: "train", "val", "test" or "all"; all of other data, else test, or val without one, where not given.
        groups: a CSV with a column `case` and one per grouping.
        output: the new folder; in the run, or beside the checkpoint, where not given.
        settings: any other config field or param by dotted name.
        progress: as of `segkit.run`.

    Returns:
        The new folder and what its summary.json holds.

    Raises:
        UsageError: something cannot be meant.
        SegkitError: a case cannot be read, the classes are others, or the folder holds something already.
    """
    from segkit.config import Layer
    from segkit.discovery import Registry
    from segkit.jobs.evaluate import evaluate as score
    from segkit.jobs.evaluate import open_request
    from segkit.rundir.checkpoint import checkpoint_of

    given = {
        "evaluate.split": split,
        "data.root": None if data_root is None else str(data_root),
        "components.metrics": tuple(metrics) or None,
        **(settings or {}),
    }
    said = [Layer("segkit.evaluate", {name: value for name, value in given.items() if value is not None})]
    registry, table = Registry.discover(), None if groups is None else Path(groups)
    request = open_request(checkpoint_of(Path(model)), device, registry, data, said, table)
    return score(request, registry, watcher(progress), folder=None if output is None else Path(output))


def export(
    model: str | Path,
    *,
    to: str = "onnx",
    file: str | Path | None = None,
    images: Sequence[str | Path] = (),
    data_root: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress | bool = True,
) -> dict[str, Any]:
    """Write a trained network as a graph that runs without segkit, as `segkit export` does.

    Args:
        model: a run directory or a model.safetensors.
        to: "onnx", "torch-export", or a plugin's exporter.
        images: files that the graph is checked on; cases of its dataset where there are none.
        settings: params of a plugin's exporter.
        progress: as of `segkit.run`.

    Returns:
        The file and, of a graph, what the JSON beside it holds.

    Raises:
        UsageError: there is no such format.
        SegkitError: a file is there already, nothing can be checked on, or the graph is another function.
    """
    from segkit.config import Layer
    from segkit.discovery import Registry
    from segkit.jobs.export_checkpoint import Wish, export_checkpoint
    from segkit.rundir.checkpoint import checkpoint_of

    wish = Wish(
        to,
        None if file is None else Path(file),
        tuple(f"{name}={value}" for name, value in (settings or {}).items()),
        tuple(map(Path, images)),
        () if data_root is None else (Layer("segkit.export", {"data.root": str(data_root)}),),
        force,
    )
    path, record = export_checkpoint(checkpoint_of(Path(model)), wish, Registry.discover(), watcher(progress).message)
    return {**record, "file": str(path)}


def watcher(progress: Progress | bool) -> Progress:
    """Return who is told how it goes."""
    from segkit.engine.plain_progress import PlainProgress
    from segkit.engine.progress import Progress

    if isinstance(progress, Progress):
        return progress
    return PlainProgress() if progress else Progress()


def load(path: str | Path, *, device: str = "auto") -> Model:
    """Rebuild a trained model from a run directory or a model.safetensors, on whatever machine it was trained.

    Raises:
        SegkitError: there is none, the file is not whole, or its architecture is not installed or has changed.
    """
    from segkit.discovery import Registry
    from segkit.model import load_model
    from segkit.rundir.checkpoint import checkpoint_of

    return load_model(checkpoint_of(Path(path)), device, Registry.discover())


def components(kind: str | None = None) -> list[Found]:
    """Return the installed components, of one kind ("arch", "data", "loss", "metric", "explainer") if given."""
    from segkit.discovery import Registry

    return Registry.discover().components(kind)
