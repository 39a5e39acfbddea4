"""`segkit evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.options import flag_layers
from segkit.cli.paths import PATH


@click.command()
@click.argument("run", type=PATH, metavar="RUN")
@click.option(
    "--split",
    type=click.Choice(["auto", "train", "val", "test", "all"]),
    help="Which cases; where not said: all of other data, else test, or val without one.",
)
@click.option("--data", type=ComponentName("data"), help="Another dataset with the same classes.")
@click.option("--data-root", type=PATH, metavar="DIR", help="Folder of the data.")
@click.option("--metric", type=ComponentName("metric"), multiple=True, help="Metric, repeatable; else the run's own.")
@click.option("--tta/--no-tta", default=None, help="Average over mirrored copies or not; else as the run did.")
@click.option("--set", "assignments", metavar="SECTION.FIELD=VALUE", multiple=True, help="Set a field or param.")
@click.option(
    "--groups", type=PATH, metavar="CSV", help="Table of the cases: a column case, one per grouping (sex, scanner)."
)
@click.option(
    "--output", "folder", type=PATH, metavar="DIR", help="The new folder; else in the run, or beside the checkpoint."
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--workers", type=click.IntRange(0, 256), metavar="N", help="Threads that read cases.")
@output.json_option
def evaluate(
    run: str,
    data: str | None,
    assignments: tuple[str, ...],
    groups: str | None,
    folder: str | None,
    device: str,
    workers: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Score a trained model again: on another split, in another way, or on another dataset with the same classes.

    RUN is a run directory or a model.safetensors. The scores, each on the case's own grid, go to a new folder; the
    run's own are left as they are. The note beside them says what the scored cases were to the model; that
    they are not like those of training is said before any score.

    \b
    segkit evaluate runs/unet-isic --split val
    segkit evaluate runs/unet-isic --data isic --data-root OTHER --metric dice
    """
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.config import read_assignments
    from segkit.data.remarks import remarks_of
    from segkit.errors import SegkitError
    from segkit.jobs.evaluate import Request, look_at, plan_scoring, score_model, scores_folder
    from segkit.jobs.groups import lines
    from segkit.model import load_model
    from segkit.report.tables import print_scores
    from segkit.rundir.checkpoint import checkpoint_of
    from segkit.rundir.names import CONFIG

    registry, progress = load_registry(), make_progress()
    checkpoint = checkpoint_of(Path(run))
    model = load_model(checkpoint, device, registry)
    config = checkpoint.with_name(CONFIG)
    said = [*flag_layers(options), read_assignments(assignments)]
    table = Path(groups) if groups else None
    request = Request(checkpoint, model, config if config.is_file() else None, data, said, table)
    plan = plan_scoring(request, registry, progress.message)
    name = plan.data.component.name
    target = Path(folder) if folder else scores_folder(checkpoint, request.config is not None, name, plan.split)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SegkitError(f"--output {target} already holds something", "name another folder")
    progress.message(f"data: {plan.root.path} ({plan.root.source}): {plan.split} {len(plan.cases[plan.split])}")
    for remark in remarks_of(plan.reader):
        progress.message(f"note: {remark}")
    try:
        looked = look_at(plan, request, workers, progress)
        progress.message(f"scores: {plan.split} split ({looked.plan.split_note})")
        scored = score_model(looked, request, target, workers, progress)
    finally:
        progress.close()
    if scored.summary["generated_sample"]:
        progress.message(
            "GENERATED SAMPLE: drawn images were trained on or scored, these numbers say nothing of patients"
        )
    if as_json:
        output.print_json(scored.summary)
        return
    print_scores(scored.summary, output.console())
    for line in lines(scored.summary["groups"]) if "groups" in scored.summary else ():
        output.say(line)
    output.say(f"scores: {scored.folder}")
