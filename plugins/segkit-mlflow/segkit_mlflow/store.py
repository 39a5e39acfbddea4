"""One run of segkit as one run of MLflow, through MLflow's client; the run's directory remembers which."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing leaves the machine that was not asked for

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from segkit.files import read_json, read_lines, write_json

if TYPE_CHECKING:
    from segkit import RunInfo

FILE = "mlflow.json"
"""In the run's directory: the id of its run and the last epoch written; no address, which may hold a password."""
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
EVERY_EPOCH = ("loss", "learning_rate", "images_per_second")
INTERVAL = ("mean", "ci_low", "ci_high", "n")
ARTEFACTS = ("report.html", "model.safetensors", "config.toml", "summary.json", "cases.csv")
STATUS = {"finished": "FINISHED", "stopped": "KILLED"}
NOT_IN_A_NAME = re.compile(r"[^\w\-./ ]")
BATCH = 100
"""Params that MLflow takes at a time."""


def begin(address: str, run: RunInfo) -> None:
    """Start the run with its settings, but for the data's folder; a resumed one goes on, with the epochs it lacks."""
    client = MlflowClient(tracking_uri=address)
    known = read_json(run.folder / FILE, {"run": str, "epoch": int}, absent="{}")
    if run.resumed and known:
        client.update_run(known["run"], status="RUNNING")
        for record in read_lines(run.folder / "history.jsonl", absent=""):
            log_epoch(address, run, record)
        return
    name = os.environ.get(EXPERIMENT, "segkit")
    found = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name) if found is None else found.experiment_id
    own = client.create_run(experiment, run_name=str(run.config.get("run.name") or run.folder.name)).info.run_id
    params = [Param(name, str(value)[:500]) for name, value in run.config.items() if name != "data.root"]
    for first in range(0, len(params), BATCH):
        client.log_batch(own, params=params[first : first + BATCH])
    write_json(run.folder / FILE, {"run": own, "epoch": 0})


def log_epoch(address: str, run: RunInfo, record: Mapping[str, Any]) -> None:
    """Write an epoch's figures, unless they were written before: a run goes on a little before where it was killed."""
    known = read_json(run.folder / FILE, {"run": str, "epoch": int})
    epoch = int(record["epoch"])
    if epoch <= known["epoch"]:
        return
    figures = {f"train/{name}": record[name] for name in EVERY_EPOCH if name in record}
    figures |= {f"train/{name}": value for name, value in (record.get("terms") or {}).items()}
    figures |= {f"val/{name}": value for name, value in (record.get("val") or {}).items()}
    MlflowClient(tracking_uri=address).log_batch(known["run"], metrics=list(metrics(figures, epoch)))
    write_json(run.folder / FILE, {**known, "epoch": epoch})


def end(address: str, run: RunInfo, status: str, summary: Mapping[str, Any]) -> None:
    """Write each mean over cases with its interval and n, the files that people ask for, and the status."""
    client, own = MlflowClient(tracking_uri=address), read_json(run.folder / FILE, {"run": str, "epoch": int})["run"]
    rows = [row for row in summary.get("scores", ()) if row["aggregation"] == "case_mean"]
    scores = {
        f"scores/{summary['split']}/{row['metric']}/{row['class']}/{figure}": row.get(figure)
        for row in rows
        for figure in INTERVAL
    }
    if scores:
        client.log_batch(own, metrics=list(metrics(scores, int(run.config["train.epochs"]))))
    for name in ARTEFACTS if status == "finished" else ():
        if (run.folder / name).exists():
            client.log_artifact(own, str(run.folder / name))
    client.set_terminated(own, STATUS.get(status, "FAILED"))


def metrics(figures: Mapping[str, float | None], step: int) -> Iterator[Metric]:
    """Yield what is a number, under a name that MLflow takes: val/dice@store is val/dice_store."""
    for name, value in figures.items():
        if value is not None:
            yield Metric(NOT_IN_A_NAME.sub("_", name), float(value), int(time.time() * 1000), step)
