"""Runs in MLflow, by the core's event hooks, where SEGKIT_MLFLOW says which store."""

from __future__ import annotations

__version__ = "0.1.0"

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from segkit import hookimpl

if TYPE_CHECKING:
    from segkit import RunInfo

ASKED = "SEGKIT_MLFLOW"
"""The store's address, such as sqlite:///mlflow.db; unset or empty, nothing is tracked."""


# Alike in segkit-wandb: the hooks are the contract itself; what both do behind them is segkit.rundir.tracked.
@hookimpl
def segkit_run_started(run: RunInfo) -> None:
    """Begin a run in the store, or find that of a resumed one."""
    if address := os.environ.get(ASKED):
        from segkit_mlflow.store import begin

        begin(address, run)


@hookimpl
def segkit_epoch_ended(run: RunInfo, record: Mapping[str, Any]) -> None:
    """Write the epoch's figures."""
    if address := os.environ.get(ASKED):
        from segkit_mlflow.store import log_epoch

        log_epoch(address, run, record)


@hookimpl
def segkit_run_ended(run: RunInfo, status: str, summary: Mapping[str, Any]) -> None:
    """Write scores with their intervals, report and model, and how the run ended."""
    if address := os.environ.get(ASKED):
        from segkit_mlflow.store import end

        end(address, run, status, summary)
