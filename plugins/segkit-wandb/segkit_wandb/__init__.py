"""Runs in Weights & Biases, by the core's event hooks, where SEGKIT_WANDB says how."""

from __future__ import annotations

__version__ = "0.1.0"

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from segkit import hookimpl

if TYPE_CHECKING:
    from segkit import RunInfo

ASKED = "SEGKIT_WANDB"
"""offline: files in the run's directory, for wandb sync; online: also to the service. Unset or empty: nothing."""


# Alike in segkit-mlflow: the hooks are the contract itself; what both do behind them is segkit.rundir.tracked.
@hookimpl
def segkit_run_started(run: RunInfo) -> None:
    """Begin a tracked run, or go on in that of a resumed one."""
    if mode := os.environ.get(ASKED):
        from segkit_wandb.tracked import begin

        begin(mode, run)


@hookimpl
def segkit_epoch_ended(run: RunInfo, record: Mapping[str, Any]) -> None:
    """Write the epoch's figures."""
    if os.environ.get(ASKED):
        from segkit_wandb.tracked import log_epoch

        log_epoch(run, record)


@hookimpl
def segkit_run_ended(run: RunInfo, status: str, summary: Mapping[str, Any]) -> None:
    """Write scores with their intervals, report and model, and how the run ended."""
    if os.environ.get(ASKED):
        from segkit_wandb.tracked import end

        end(run, status, summary)
