"""`segkit train`: a run up to its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segkit.cli import output
from segkit.cli.options import SettingsCommand
from segkit.cli.run import carry_out, is_finished
from segkit.cli.run import run as run_command
from segkit.errors import UsageError
from segkit.rundir.names import MODEL

HELP = """Train a model, without scoring it: the first part of `segkit run`, with the same options.

\b
segkit train --arch unet --data isic

Then the scores in a new folder, or the rest of the run with scores, explanations and report:

\b
segkit evaluate runs/unet-isic
segkit run --resume runs/unet-isic
"""


def train(as_json: bool, **options: Any) -> None:
    """Train, and say where the model is."""
    resume = options["resume"]
    from segkit.rundir.resume import is_longer

    if resume is not None and is_finished(Path(resume)) and not is_longer(Path(resume), options["epochs"]):
        raise UsageError(f"--resume {resume}: this run is finished", f"score it again with: segkit evaluate {resume}")
    folder = carry_out("train", **options).folder
    if not output.leads():
        return
    if as_json:
        output.print_json({"folder": str(folder), "model": str(folder / MODEL)})
    else:
        output.say(f"model: {folder / MODEL}")


# Every option of `segkit run` is one of training, so that neither list can fall behind the other.
train_command = SettingsCommand(
    "train",
    callback=train,
    params=[param for param in run_command.params if param.name not in ("dry_run", "show_page")],
    help=HELP,
)
