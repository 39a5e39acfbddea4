"""`segkit calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.options import flag_layers
from segkit.cli.paths import PATH
from segkit.cli.setting_text import set_option

if TYPE_CHECKING:
    from segkit.jobs.calibrate.compose import Calibrated

SUFFIX = "-calibrated.safetensors"


@click.command()
@click.argument("run", type=PATH, metavar="RUN")
@click.option(
    "--method",
    type=click.Choice(["temperature", "vector", "none"]),
    help="One temperature (labels stay), or a factor and a shift per class; none with --risk alone.",
)
@click.option("--risk", metavar="fnr=LEVEL", help="Choose the threshold that keeps the mean missed foreground below.")
@click.option(
    "--with", "others", type=PATH, multiple=True, metavar="RUN", help="A model that predicts together with this one."
)
@click.option("--data-root", type=PATH, metavar="DIR", help="Folder of the model's dataset.")
@click.option("--metric", type=ComponentName("metric"), multiple=True, help="Of probabilities; else all installed.")
@set_option("Set a field or param.", metavar="SECTION.FIELD=VALUE")
@click.option(
    "-o", "--output", "file", type=PATH, metavar="FILE", help="The new checkpoint; else beside the run's own."
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--workers", type=click.IntRange(0, 256), metavar="N", help="Threads that read cases.")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@output.json_option
def calibrate(
    run: str,
    method: str | None,
    risk: str | None,
    others: tuple[str, ...],
    assignments: tuple[str, ...],
    file: str | None,
    device: str,
    workers: int | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make a trained model's probabilities right as often as they say, on its validation split.

    RUN is a run directory or a model.safetensors. The new checkpoint has the same weights; it is shown on the test
    split, or crosswise on halves of validation without one, what that does to every metric of probabilities, and how
    well the Dice that a case can expect by them ranks the cases. Where the model averages mirrored copies, their
    agreement is tried too; with --with, that of the models.

    \b
    segkit calibrate runs/unet-isic
    segkit calibrate runs/unet-isic --risk fnr=0.1
    segkit calibrate runs/unet-isic --with runs/unet-isic-2 --with runs/unet-isic-3
    """
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.config import read_assignments
    from segkit.engine.device import default_workers
    from segkit.errors import UsageError
    from segkit.files import real
    from segkit.jobs.calibrate.compose import Wish, check_free, plan_calibration, write_calibrated
    from segkit.jobs.calibrate.compose import calibrate as job
    from segkit.jobs.calibrate.fit import read_risk
    from segkit.jobs.evaluate import Request
    from segkit.model import load_model
    from segkit.rundir.checkpoint import checkpoint_of
    from segkit.rundir.names import CONFIG

    level = None if risk is None else read_risk(risk)
    if others and level is not None:
        raise UsageError("--risk and --with: several models together keep no bound of one", "say them one by one")
    registry, progress = load_registry(), make_progress()
    checkpoint = checkpoint_of(Path(run))
    target = Path(file) if file else checkpoint.with_name(checkpoint.stem.removesuffix("-calibrated") + SUFFIX)
    if not force and (file is None or real(target) != real(checkpoint)):
        check_free(target)
    together = tuple(load_model(checkpoint_of(Path(other)), device, registry) for other in others)
    wish = Wish(method or ("temperature" if level is None else "none"), level, together)
    config = checkpoint.with_name(CONFIG)
    said = [*flag_layers(options), read_assignments(assignments)]
    request = Request(
        checkpoint, load_model(checkpoint, device, registry), config if config.is_file() else None, None, said
    )
    plan = plan_calibration(request, registry, progress.message)
    progress.message(f"data: {plan.root.shown} ({plan.root.source}): val {len(plan.cases['val'])}")
    try:
        found = job(plan, request, wish, default_workers() if workers is None else workers, progress)
    finally:
        progress.close()
    write_calibrated(target, checkpoint, found)
    if as_json:
        output.print_json({"calibration": found.record, "before": found.before, "after": found.after})
        return
    show(found)
    output.say(f"checkpoint: {target}")


def show(found: Calibrated) -> None:
    """Print what changed, and what an expected score is worth."""
    from segkit.jobs.calibrate.words import lines

    for line in lines(found):
        output.say(line)
