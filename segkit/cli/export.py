"""`segkit export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from segkit.cli import output
from segkit.cli.options import flag_layers
from segkit.cli.paths import PATH
from segkit.cli.setting_text import SettingText, set_option


@click.command()
@click.argument("run", type=PATH, metavar="RUN")
@click.option("--to", "kind", metavar="FORMAT", required=True, help="onnx, torch-export, or a plugin's exporter.")
@set_option("Set a param of a plugin's exporter.", metavar="PARAM=VALUE", kind=SettingText(bare="exporter"))
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
    from segkit.jobs.export_checkpoint import Wish, export_checkpoint
    from segkit.rundir.checkpoint import checkpoint_of

    registry, progress = load_registry(), make_progress()
    wish = Wish(
        kind,
        Path(file) if file else None,
        tuple(assignments),
        tuple(map(Path, images)),
        tuple(flag_layers({"data_root": data_root})),
        force,
    )
    path, record = export_checkpoint(checkpoint_of(Path(run)), wish, registry, progress.message)
    if as_json:
        output.print_json(record)
    elif "exporter" in record:
        output.say(f"{record['exporter']}: {path}")
    else:
        show(path, record)


def show(path: Path, record: dict[str, Any]) -> None:
    """Say where the graph is, and how far it is from the network."""
    checked = record["checked"]
    output.say(f"graph: {path}")
    output.say(f"how to use it: {path}.json")
    output.say(
        f"checked on {checked['images']} images with {checked['runtime']}: logits differ by at most "
        f"{checked['largest_difference']:.2g} (largest logit {checked['largest_logit']:.3g}), labels agree on "
        f"{checked['labels_equal']:.4%}"
    )
