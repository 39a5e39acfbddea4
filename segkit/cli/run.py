"""`segkit run`: the whole job."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli.completion import ComponentName
from segkit.cli.options import flag_layers
from segkit.cli.output import leads
from segkit.errors import UsageError

if TYPE_CHECKING:
    from segkit.config import Layer
    from segkit.discovery import Registry
    from segkit.jobs.run import RunResult
    from segkit.rundir.resume import Resume


@click.command()
@click.option("--arch", type=ComponentName("arch"), help="Architecture.")
@click.option("--data", type=ComponentName("data"), help="Dataset.")
@click.option("--data-root", metavar="DIR", help="Folder of the data.")
@click.option(
    "--loss",
    type=ComponentName("loss", terms=True),
    metavar="SUM",
    help='Loss or sum of losses, such as "dice + 0.5*focal".',
)
@click.option(
    "--metric", type=ComponentName("metric"), multiple=True, help="Metric, repeatable; the first is the main one."
)
@click.option(
    "--explain", type=ComponentName("explainer", words=("none",)), multiple=True, help="Explainer, repeatable, or none."
)
@click.option("--size", metavar="N|HxW", help="Working size.")
@click.option("--epochs", metavar="N", help="Passes over the training split.")
@click.option("--batch-size", metavar="N", help="Samples of one step.")
@click.option("--lr", "learning_rate", metavar="RATE", help="Highest learning rate.")
@click.option("--optimizer", metavar="NAME", help="adam or adamw.")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--seed", metavar="N", help="Seed of weights, order and augmentation.")
@click.option("--workers", metavar="N", help="Threads that prepare data.")
@click.option("--output", metavar="DIR", help="The run's directory; must not hold anything yet.")
@click.option("--name", metavar="TEXT", help="Name of the run.")
@click.option("--config", metavar="FILE", help="Config file, or DATASET:NAME for one shipped with a dataset.")
@click.option("--set", "assignments", metavar="KIND.PARAM=VALUE", multiple=True, help="Set any config field or param.")
@click.option(
    "--deterministic", is_flag=True, default=None, help="On CUDA: bit-reproducible operators only, or a refusal."
)
@click.option("--compile", flag_value="inductor", help="Training steps through torch.compile: slow to start.")
@click.option("--profile", is_flag=True, default=None, help="Write where the time goes: profile.json, trace.json.")
@click.option("--resume", metavar="RUN", help="Go on with a run that was stopped, in its directory.")
@click.option("--force", is_flag=True, help="Resume though settings, data or versions differ.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(
    config: str | None,
    assignments: tuple[str, ...],
    resume: str | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train, score and report: data in, trained and scored model out.

    \b
    segkit run --arch unet --data isic
    segkit run --config runs/unet-isic/config.toml --seed 1
    segkit run --resume runs/unet-isic
    torchrun --nproc-per-node 4 -m segkit run --arch unet --data isic
    """
    from segkit.cli.registry import load_registry
    from segkit.config import read_assignments
    from segkit.planning.plan import read_config
    from segkit.rundir.resume import is_finished, open_run

    if resume is not None and config is not None:
        raise UsageError("--resume and --config were both given", "a run is resumed with its own config")
    if resume is not None and is_finished(Path(resume)):
        click.echo(f"{resume} is finished; its report: {Path(resume, 'report.html')}")
        return
    stopped = open_run(Path(resume), forced=force) if resume is not None else None
    registry = load_registry()
    layers = [stopped.config] if stopped else [read_config(config, registry)] if config else []
    layers += [*flag_layers(options), read_assignments(assignments)]
    result = carry_out(layers, registry, stopped)
    if leads():
        show_result(result, as_json=as_json)


def carry_out(layers: list[Layer], registry: Registry, resume: Resume | None) -> RunResult:
    """Plan and run; where the run is stopped, say how to go on and exit with 130 (Ctrl-C) or 143 (SIGTERM)."""
    from segkit.cli.progress import make_progress
    from segkit.planning.plan import make_plan, run_folder
    from segkit.rundir.resume import restarted

    progress = make_progress()
    plan = make_plan(layers, registry, tell=progress.message)

    from segkit.engine.stop import Stopped
    from segkit.jobs.events import Events
    from segkit.jobs.run import run_job

    resume = resume or restarted(plan.output, plan.config, os.environ)
    # Of several processes the first one chooses the directory and tells the others.
    folder = resume.folder if resume else run_folder(plan) if leads() else Path("not-chosen-yet")
    try:
        return run_job(plan, folder, progress, resume, events=Events(registry.manager, progress.message))
    except Stopped as stop:
        progress.close()
        click.echo(f"{stop}; go on with: segkit run --resume {folder}", err=True)
        sys.exit(stop.exit_code)
    finally:
        progress.close()


def show_result(result: Any, *, as_json: bool) -> None:
    """Print the scores and where the report is."""
    if as_json:
        import json

        click.echo(json.dumps(result.summary, indent=2, sort_keys=True))
        return
    from segkit.cli.output import console
    from segkit.report.tables import print_scores

    print_scores(result.summary, console())
    click.echo(f"report: {result.report}")
