"""`segkit explain`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.options import flag_layers
from segkit.cli.paths import PATH
from segkit.cli.setting_text import set_option
from segkit.errors import UsageError
from segkit.rundir.names import EXPLANATIONS

if TYPE_CHECKING:
    from segkit.jobs.explain.folder import Explained

COLUMNS = ("image", "map", "target", "layer", "verdict", "AUROC", "random decoder", "remarks")


@click.command()
@click.argument("model", type=PATH, metavar="RUN")
@click.argument("images", nargs=-1, type=PATH, metavar="[IMAGE]...")
@click.option(
    "--explainer", type=ComponentName("explainer"), multiple=True, help="Explainer, repeatable; those of the run else."
)
@click.option(
    "--case", multiple=True, metavar="CASE", help="Scored case, repeatable: ID, worst, worst:4, median, best."
)
@click.option("--target", metavar="TARGET", help="What is explained: [margin:]SET[:NUMBER][:CLASS], as fp:lesion.")
@click.option("--layer", metavar="NAME", help="Dotted name, last, middle or auto.")
@click.option("--evidence/--no-evidence", default=None, help="Measure whether to believe the maps.")
@click.option("--baseline", metavar="NAME", help="What deleted pixels become: mean, blur or zero.")
@click.option("--region", metavar="X,Y,W,H", help="Of large images: the part that is explained, in pixels.")
@click.option("--mask", type=PATH, metavar="FILE", help="Reference mask of the one IMAGE.")
@click.option(
    "--data-root", type=PATH, metavar="DIR", help="Folder of the data, where it is not the one in the run's config."
)
@set_option("Set any field or param.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=PATH,
    metavar="DIR",
    help="Folder of the results; RUN/explanations, or explanations.",
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@output.json_option
def explain(
    model: str,
    images: tuple[str, ...],
    region: str | None,
    mask: str | None,
    data_root: str | None,
    assignments: tuple[str, ...],
    folder: str | None,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Explain scored cases of a finished run, or image files, and say how far to believe the maps.

    RUN is a run directory or, with IMAGE files, also a model.safetensors. TARGET is the set of pixels whose logits are
    explained: predicted, reference, fp, fn, component:2, boundary:3, all or pixel:ROW,COLUMN, each with a class.

    \b
    segkit explain runs/unet-isic --explainer cam --case worst:4
    segkit explain runs/unet-isic --explainer hires --case ISIC_0012159 --layer middle --target fp:lesion
    segkit explain runs/unet-isic photo.jpg --explainer grad-cam --set explainer.pool=3
    segkit explain runs/unet-large slide.svs --explainer grad-cam --region 12000,8000,1024,1024
    """
    run = Path(model)
    check_arguments(run, images, options["case"], mask)

    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.config import read_assignments
    from segkit.explain.region import Region
    from segkit.jobs.explain.cases import explain_files, explain_scored, make_order
    from segkit.model import load_model
    from segkit.rundir.checkpoint import checkpoint_of

    registry = load_registry()
    loaded = load_model(checkpoint_of(run), device, registry)
    layers = [*flag_layers(options), read_assignments(assignments)]
    progress = make_progress()
    order = make_order(loaded, layers, registry, run if run.is_dir() else None, tell=progress.message)
    order = replace(order, region=None if region is None else Region.parse(region))
    failed = 0
    try:
        if images:
            place = Path(folder or EXPLANATIONS)
            files = [Path(image) for image in images]
            done, failed = explain_files(order, files, Path(mask) if mask else None, place, progress)
        else:
            place = Path(folder) if folder else run / EXPLANATIONS
            done = explain_scored(run, order, registry, place, progress, data_root)
    finally:
        progress.close()
    if as_json:
        output.print_json([one.record for one in done])
    else:
        show(done)
    if failed:
        output.complain(f"{failed} of {failed + len(done)} images could not be explained, as told above")
        sys.exit(1)
    if as_json:
        return
    if output.for_people() and not images and folder is None:
        output.say(f"to see them in the report: segkit report {run}")


def check_arguments(run: Path, images: tuple[str, ...], cases: tuple[str, ...], mask: str | None) -> None:
    """Raise UsageError where options do not go together."""
    if images and cases:
        raise UsageError("--case and IMAGE files were both given", "explain cases of the run, or files")
    if mask and len(images) != 1:
        raise UsageError("--mask is the mask of one IMAGE", "give one image with it")
    if not images and run.exists() and not run.is_dir():
        raise UsageError(f"{run} is no run directory", "give a run directory, or IMAGE files after the model")


def show(done: list[Explained]) -> None:
    """Print one line per map, and where the pictures are."""
    rows = []
    for one in done:
        for found in one.record["maps"]:
            evidence = found["evidence"]
            auroc = (evidence.get("reference") or {}).get("auroc")
            random = (evidence.get("randomisation") or {}).get("decoder")
            figures = ["" if value is None else f"{value:.3f}" for value in (auroc, random)]
            words = "; ".join(evidence.get("words", ()))
            rows.append(
                (
                    one.record["case"],
                    found["explainer"],
                    found["target"],
                    found["layer"],
                    evidence.get("verdict", found["status"]),
                    *figures,
                    words,
                )
            )
    output.print_table(COLUMNS, rows, grouped=True)
    for one in done:
        output.say(f"picture: {one.panel}")
