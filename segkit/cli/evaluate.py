"""`segkit evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.many import launcher_options
from segkit.cli.options import flag_layers
from segkit.cli.paths import PATH
from segkit.cli.setting_text import set_option
from segkit.errors import UsageError

if TYPE_CHECKING:
    from segkit.jobs.launch.command import CommandJob


@click.command()
@click.argument("runs", type=PATH, nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--split",
    type=click.Choice(["auto", "train", "val", "test", "all"]),
    help="Which cases; where not said: all of other data, else test, or val without one.",
)
@click.option("--data", type=ComponentName("data"), help="Another dataset with the same classes.")
@click.option("--data-root", type=PATH, metavar="DIR", help="Folder of the data.")
@click.option("--metric", type=ComponentName("metric"), multiple=True, help="Metric, repeatable; else the run's own.")
@click.option("--tta/--no-tta", default=None, help="Average over mirrored copies or not; else as the run did.")
@set_option("Set a field or param.", metavar="SECTION.FIELD=VALUE")
@click.option(
    "--groups", type=PATH, metavar="CSV", help="Table of the cases: a column case, one per grouping (sex, scanner)."
)
@click.option(
    "--output", "folder", type=PATH, metavar="DIR", help="The new folder; else in the run, or beside the checkpoint."
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--workers", type=click.IntRange(0, 256), metavar="N", help="Threads that read cases.")
@launcher_options("Score each run")
@output.json_option
def evaluate(
    runs: tuple[str, ...],
    data: str | None,
    assignments: tuple[str, ...],
    groups: str | None,
    folder: str | None,
    device: str,
    workers: int | None,
    launcher: str | None,
    jobs: int | None,
    dry_run: bool,
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
    segkit evaluate runs/a runs/b runs/c --output scores --jobs 2
    """
    if len(runs) > 1 or launcher or jobs or dry_run:
        evaluate_each(runs, folder, as_json=as_json)
        return
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.config import read_assignments
    from segkit.jobs.evaluate import evaluate as score
    from segkit.jobs.evaluate import open_request
    from segkit.jobs.groups import lines
    from segkit.report.tables import print_scores
    from segkit.rundir.checkpoint import checkpoint_of

    registry, progress = load_registry(), make_progress()
    said = [*flag_layers(options), read_assignments(assignments)]
    table = Path(groups) if groups else None
    request = open_request(checkpoint_of(Path(runs[0])), device, registry, data, said, table)
    scored = score(request, registry, progress, folder=Path(folder) if folder else None, workers=workers)
    if as_json:
        output.print_json(scored.summary)
        return
    print_scores(scored.summary, output.console())
    for line in lines(scored.summary["groups"]) if "groups" in scored.summary else ():
        output.say(line)
    output.say(f"scores: {scored.folder}")


def evaluate_each(runs: Sequence[str], folder: str | None, *, as_json: bool) -> None:
    """Score each run as a job, and print a line of each."""
    from segkit.cli.many import each, tell_failures
    from segkit.rundir.names import SUMMARY

    if folder is None:
        raise UsageError("several runs, or jobs, need a folder for their scores", "name one: --output DIR")
    jobs, failed = each(
        runs,
        folder,
        lambda run, own: ["evaluate", str(run), "--output", str(own)],
        lambda own: (own / SUMMARY).is_file(),
    )
    show_each(jobs, failed, as_json=as_json)
    if failed:
        tell_failures(failed)
        sys.exit(1)


def show_each(jobs: Sequence[CommandJob], failed: dict[str, str], *, as_json: bool) -> None:
    """Print the main score of each run; as JSON the whole summary."""
    from segkit.report import text
    from segkit.rundir.listing import main_score
    from segkit.rundir.names import SUMMARY
    from segkit.rundir.read import read_summary

    summaries = {job: read_summary(job.folder / SUMMARY) for job in jobs if job.name not in failed}
    if as_json:
        output.print_json(
            [{"run": job.name, "summary": summaries.get(job), "error": failed.get(job.name)} for job in jobs]
        )
        return
    rows = []
    for job, summary in summaries.items():
        if (score := main_score(summary)) is not None:
            known = (text.number(score.mean), text.interval(score.low, score.high), str(score.cases), str(score.missed))
            rows.append((job.name, score.metric, *known, score.split))
    output.print_table(("run", "metric", "mean", "95 % interval", "n", "missed", "split"), rows)
    if jobs and rows:
        output.say(f"scores: {jobs[0].folder.parent}")
