"""`segkit export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from segkit.cli import output
from segkit.cli.options import flag_layers
from segkit.cli.paths import PATH
from segkit.errors import SegkitError, UsageError
from segkit.rundir.names import CONFIG

if TYPE_CHECKING:
    from segkit.data.case import Sample
    from segkit.discovery import Registry
    from segkit.model import Model

CHECKED = 4
"""Images that the graph is compared on."""
SUFFIXES = {"onnx": ".onnx", "torch-export": ".pt2"}


@click.command()
@click.argument("run", type=PATH, metavar="RUN")
@click.option("--to", "kind", metavar="FORMAT", required=True, help="onnx, torch-export, or a plugin's exporter.")
@click.option("--set", "assignments", metavar="PARAM=VALUE", multiple=True, help="Set a param of a plugin's exporter.")
@click.option(
    "-o", "--output", "file", type=PATH, metavar="FILE", help="The graph's file; else model.onnx or .pt2 in the run."
)
@click.option(
    "--images", type=PATH, metavar="FILE", multiple=True, help="Image to check on, repeatable; else cases are read."
)
@click.option("--data-root", type=PATH, metavar="DIR", help="Folder of the dataset whose cases are checked on.")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@output.json_option
def export(
    run: str,
    kind: str,
    assignments: tuple[str, ...],
    file: str | None,
    images: tuple[str, ...],
    data_root: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a trained network as a graph that runs without segkit.

    RUN is a run directory or a model.safetensors. The graph maps normalised images to logits; it is compared with the
    network on real images first. FILE.json beside it says all that happens before and after: size, padding,
    normalisation, decoding.

    \b
    segkit export runs/unet-isic --to onnx
    segkit export model.safetensors --to torch-export --images photo.jpg
    """
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.jobs.export import check_free, export_model, level_of
    from segkit.model import load_model
    from segkit.rundir.checkpoint import checkpoint_of

    checkpoint, registry, progress = checkpoint_of(Path(run)), load_registry(), make_progress()
    if kind not in SUFFIXES:
        from segkit.jobs.export_plugin import export_by_plugin

        record = export_by_plugin(registry, kind, assignments, checkpoint, Path(file) if file else None, force=force)
        if as_json:
            output.print_json(record)
        else:
            output.say(f"{record['exporter']}: {record['file']}")
        return
    if assignments:
        raise UsageError(f"--set goes with a plugin's exporter, not with --to {kind}", "leave it out")
    path = Path(file) if file else checkpoint.with_suffix(SUFFIXES[kind])
    if path.suffix != SUFFIXES[kind]:
        raise UsageError(f"-o {path} does not end in {SUFFIXES[kind]}", f"that is what --to {kind} is called")
    check_free(path, force=force)
    if not path.parent.is_dir():
        raise SegkitError(f"folder {path.parent} does not exist", "make it, or name another file with -o")
    model = load_model(checkpoint, "cpu", registry)
    if images:
        samples = [read(model, Path(image)) for image in images]
    else:
        samples = cases(model, checkpoint, data_root, registry)
    level = level_of(registry, model, kind)
    if level.startswith("none: "):
        raise SegkitError(f"the network has no graph for --to {kind}: {level[6:]}", "choose another --to")
    if level != "dynamic":
        progress.message(f"the graph takes images of one size only, one at a time ({level})")
    record = export_model(model, kind, path, samples, level, force=force)
    if as_json:
        output.print_json(record)
        return
    checked = record["checked"]
    output.say(f"graph: {path}")
    output.say(f"how to use it: {path}.json")
    output.say(
        f"checked on {checked['images']} images with {checked['runtime']}: logits differ by at most "
        f"{checked['largest_difference']:.2g} (largest logit {checked['largest_logit']:.3g}), labels agree on "
        f"{checked['labels_equal']:.4%}"
    )


def read(model: Model, path: Path) -> Sample:
    """Read one image as the model takes it."""

    size = None if model.predictor.volumes else model.predictor.size
    return model.opener.open(path, model.image_task, size)


def cases(model: Model, checkpoint: Path, data_root: str | None, registry: Registry) -> list[Sample]:
    """Read some cases of the dataset that the model was trained on."""
    from segkit.jobs.evaluate import Request, plan_scoring

    config = checkpoint.with_name(CONFIG)
    said = flag_layers({"data_root": data_root})
    request = Request(checkpoint, model, config if config.is_file() else None, None, said)
    try:
        plan = plan_scoring(request, registry)
        return [plan.reader.read(case) for case in plan.cases[plan.split][:CHECKED]]
    except SegkitError as error:
        raise SegkitError(
            f"there are no images to check the graph on: {error.message}", "name some with --images, or say --data-root"
        ) from None
