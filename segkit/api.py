"""The Python interface: what the command does, as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segkit.discovery import Found
    from segkit.engine.progress import Progress
    from segkit.jobs.run import RunResult
    from segkit.model import Model


def run(
    *,
    arch: str | None = None,
    data: str | None = None,
    data_root: str | Path | None = None,
    loss: str | None = None,
    metrics: Sequence[str] = (),
    size: int | Sequence[int] | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    output: str | Path | None = None,
    config: str | Path | None = None,
    start_from: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Train, score and report, as `segkit run` does.

    Args:
        start_from: a run directory or a file of weights, as --from takes it.
        settings: any other config field or param by dotted name, such as {"arch.width": 32}.
        progress: who is told how it goes; nobody where not given.

    Returns:
        The finished run: its folder and what summary.json holds.

    Raises:
        UsageError: something cannot be meant.
        SegkitError: the data, the disk or the training went wrong.
    """
    from segkit.config import Layer
    from segkit.discovery import Registry
    from segkit.engine.progress import Progress
    from segkit.jobs.events import Events
    from segkit.jobs.run import run_job
    from segkit.planning.plan import make_plan, read_config
    from segkit.rundir.source import open_source

    given = {
        "components.arch": arch,
        "components.data": data,
        "components.loss": loss,
        "components.metrics": tuple(metrics) or None,
        "data.root": None if data_root is None else str(data_root),
        "data.size": size,
        "train.epochs": epochs,
        "run.seed": seed,
        "run.output": None if output is None else str(output),
        **(settings or {}),
    }
    registry = Registry.discover()
    layers = [read_config(str(config), registry)] if config is not None else []
    layers.append(Layer("segkit.run", {name: value for name, value in given.items() if value is not None}))
    progress = progress or Progress()
    source = open_source(str(start_from)) if start_from is not None else None
    plan = make_plan(layers, registry, tell=progress.message, source=source)
    return run_job(plan, None, progress, events=Events(registry.manager, progress.message))


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
