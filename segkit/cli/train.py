"""`segkit train`: a run up to its model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from segkit.cli import output
from segkit.cli.options import flag_layers
from segkit.cli.run import run as run_command
from segkit.errors import UsageError
from segkit.rundir.names import MODEL

HELP = """Train a model, without scoring it: the first part of `segkit run`, with the same options.

\b
segkit train --arch unet --data isic
segkit evaluate runs/unet-isic          # scores in a new folder
segkit run --resume runs/unet-isic      # or the rest of the run: scores, explanations, report
"""


def train(config: str | None, assignments: tuple[str, ...], resume: str | None, force: bool, **options: Any) -> None:
    """Plan and train; where it is stopped, say how to go on and exit with 130 (Ctrl-C) or 143 (SIGTERM)."""
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.config import read_assignments
    from segkit.planning.plan import make_plan, read_config, run_folder
    from segkit.rundir.resume import is_finished, open_run

    as_json = options.pop("as_json")
    if resume is not None and config is not None:
        raise UsageError("--resume and --config were both given", "a run is resumed with its own config")
    if resume is not None and is_finished(Path(resume)):
        raise UsageError(f"--resume {resume}: this run is finished", f"score it again with: segkit evaluate {resume}")
    stopped = open_run(Path(resume), forced=force) if resume is not None else None
    registry, progress = load_registry(), make_progress()
    layers = [stopped.config] if stopped else [read_config(config, registry)] if config else []
    plan = make_plan([*layers, *flag_layers(options), read_assignments(assignments)], registry, tell=progress.message)

    from segkit.engine.stop import Stopped
    from segkit.jobs.events import Events
    from segkit.jobs.run import run_job

    folder = stopped.folder if stopped else run_folder(plan)
    try:
        run_job(plan, folder, progress, stopped, only_train=True, events=Events(registry.manager, progress.message))
    except Stopped as stop:
        progress.close()
        click.echo(f"{stop}; go on with: segkit train --resume {folder}", err=True)
        sys.exit(stop.exit_code)
    finally:
        progress.close()
    model = folder / MODEL
    if as_json:
        output.print_json({"folder": str(folder), "model": str(model)})
    else:
        click.echo(f"model: {model}")


# Every option of `segkit run` is one of training, so that neither list can fall behind the other.
train_command = click.Command("train", callback=train, params=list(run_command.params), help=HELP)
