"""Export a trained model in whatever format was asked for: its file, the images that it is checked on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.config import Layer
from segkit.data.case import Sample
from segkit.data.in_time import read_case
from segkit.discovery import Registry
from segkit.errors import SegkitError, UsageError
from segkit.jobs.evaluate import Request, plan_scoring
from segkit.jobs.export import FORMATS, check_free, export_model, level_of
from segkit.jobs.export_plugin import export_by_plugin
from segkit.model import Model, load_model
from segkit.rundir.names import CONFIG

CHECKED = 4
"""Images of the dataset that a graph is compared on."""


@dataclass(frozen=True)
class Wish:
    """What was asked for.

    Attributes:
        kind: onnx, torch-export, or a plugin's exporter.
        file: where it goes; beside the checkpoint where not given.
        assignments: params of a plugin's exporter, PARAM=VALUE.
        images: files that a graph is checked on; cases of the dataset where there are none.
        said: where that dataset is, if it is not where it was.
        force: replace what is there.
    """

    kind: str
    file: Path | None = None
    assignments: tuple[str, ...] = ()
    images: tuple[Path, ...] = ()
    said: tuple[Layer, ...] = ()
    force: bool = False


def export_checkpoint(
    checkpoint: Path, wish: Wish, registry: Registry, tell: Callable[[str], None] | None = None
) -> tuple[Path, dict[str, Any]]:
    """Write a trained network in another format.

    Returns:
        The file, and what `export_model` or `export_by_plugin` says of it.

    Raises:
        UsageError: there is no such format, or its file is not called so.
        SegkitError: a file is there already, there are no images to check on, or the graph is another function.
    """
    if wish.kind not in FORMATS:
        record = export_by_plugin(registry, wish.kind, wish.assignments, checkpoint, wish.file, force=wish.force)
        return Path(record["file"]), record
    if wish.assignments:
        raise UsageError(f"--set goes with a plugin's exporter, not with --to {wish.kind}", "leave it out")
    suffix = FORMATS[wish.kind]
    path = wish.file or checkpoint.with_suffix(suffix)
    if path.suffix != suffix:
        raise UsageError(f"-o {path} does not end in {suffix}", f"that is what --to {wish.kind} is called")
    check_free(path, force=wish.force)
    if not path.parent.is_dir():
        raise SegkitError(f"folder {path.parent} does not exist", "make it, or name another file with -o")
    model = load_model(checkpoint, "cpu", registry)
    if wish.images:
        size = None if model.predictor.volumes else model.predictor.size
        samples = [model.opener.open(path, model.image_task, size) for path in wish.images]
    else:
        samples = dataset_samples(model, checkpoint, wish.said, registry)
    level = level_of(registry, model, wish.kind)
    if level.startswith("none: "):
        raise SegkitError(f"the network has no graph for --to {wish.kind}: {level[6:]}", "choose another --to")
    if level != "dynamic" and tell is not None:
        tell(f"the graph takes images of one size only, one at a time ({level})")
    return path, export_model(model, wish.kind, path, samples, level, force=wish.force)


def dataset_samples(model: Model, checkpoint: Path, said: Sequence[Layer], registry: Registry) -> list[Sample]:
    """Read some cases of the dataset that the model was trained on."""
    config = checkpoint.with_name(CONFIG)
    request = Request(checkpoint, model, config if config.is_file() else None, None, said)
    try:
        plan = plan_scoring(request, registry)
        return [read_case(plan.reader, case) for case in plan.cases[plan.split][:CHECKED]]
    except SegkitError as error:
        raise SegkitError(
            f"there are no images to check the graph on: {error.message}", "name some with --images, or say --data-root"
        ) from None
