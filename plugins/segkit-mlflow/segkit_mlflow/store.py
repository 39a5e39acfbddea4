"""One run of segkit as one run of MLflow, through MLflow's client; the run's directory remembers which."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing leaves the machine that was not asked for

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from segkit.rundir.tracked import Tracked, files_of, score_figures, shown_settings

if TYPE_CHECKING:
    from segkit import RunInfo

FILE = "mlflow.json"
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
STATUS = {"finished": "FINISHED", "stopped": "KILLED"}
NOT_IN_A_NAME = re.compile(r"[^\w\-./ ]")
BATCH = 100
"""Params that MLflow takes at a time."""


def begin(address: str, run: RunInfo) -> None:
    """Start the run with its settings; a resumed one goes on, with the epochs it lacks."""
    client, tracked = MlflowClient(tracking_uri=address), Tracked(run.folder, FILE)
    if run.resumed and tracked.id is not None:
        client.update_run(tracked.id, status="RUNNING")
        tracked.catch_up(partial(log, client, tracked.id))
        return
    name = os.environ.get(EXPERIMENT, "segkit")
    found = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name) if found is None else found.experiment_id
    own = client.create_run(experiment, run_name=str(run.config.get("run.name") or run.folder.name)).info.run_id
    params = [Param(name, str(value)[:500]) for name, value in shown_settings(run.config).items()]
    for first in range(0, len(params), BATCH):
        client.log_batch(own, params=params[first : first + BATCH])
    tracked.begin(own)


def log_epoch(address: str, run: RunInfo, record: Mapping[str, Any]) -> None:
    """Write an epoch's figures, where the run has begun; that it could not was told by then."""
    tracked = Tracked(run.folder, FILE)
    if tracked.id is not None:
        tracked.tell(record, partial(log, MlflowClient(tracking_uri=address), tracked.id))


def end(address: str, run: RunInfo, status: str, summary: Mapping[str, Any]) -> None:
    """Write each mean over cases with its interval and n, the files that people ask for, and the status."""
    own = Tracked(run.folder, FILE).id
    if own is None:
        return
    client = MlflowClient(tracking_uri=address)
    if scores := score_figures(summary):
        log(client, own, scores, int(run.config["train.epochs"]))
    for path in files_of(run.folder) if status == "finished" else ():
        client.log_artifact(own, str(path))
    client.set_terminated(own, STATUS.get(status, "FAILED"))


def log(client: MlflowClient, own: str, figures: Mapping[str, float], step: int) -> None:
    """Write figures of one step, under names that MLflow takes: val/dice@store is val/dice_store."""
    now = int(time.time() * 1000)
    client.log_batch(
        own, metrics=[Metric(NOT_IN_A_NAME.sub("_", name), value, now, step) for name, value in figures.items()]
    )
