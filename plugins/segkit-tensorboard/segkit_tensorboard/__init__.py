"""Scalars of every run for TensorBoard, by the core's event hooks."""

from __future__ import annotations

__version__ = "0.1.0"

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from segkit import hookimpl

if TYPE_CHECKING:
    from segkit import RunInfo


@hookimpl
def segkit_run_started(run: RunInfo) -> None:
    """Begin the event file, or bring that of a resumed run to where it goes on."""
    from segkit_tensorboard.events import begin

    begin(run)


@hookimpl
def segkit_epoch_ended(run: RunInfo, record: Mapping[str, Any]) -> None:
    """Write the epoch's scalars."""
    from segkit.rundir.tracked import epoch_figures
    from segkit_tensorboard.events import add

    add(run.folder, int(record["epoch"]), epoch_figures(record))


@hookimpl
def segkit_run_ended(run: RunInfo, status: str, summary: Mapping[str, Any]) -> None:
    """Write the scores of a run that has any."""
    from segkit_tensorboard.events import add, score_scalars

    scores = score_scalars(summary)
    if scores:
        add(run.folder, int(run.config["train.epochs"]), scores)
