"""One run of segkit as one run of Weights & Biases, through its client; the run's directory remembers which."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # nothing leaves the machine that was not asked for

import wandb

from segkit import UsageError
from segkit.files import read_json, read_lines, write_json

if TYPE_CHECKING:
    from segkit import RunInfo

FILE = "wandb.json"
"""In the run's directory: the id of its tracked run, and the last epoch that was written."""
MODES = ("offline", "online")
EVERY_EPOCH = ("loss", "learning_rate", "images_per_second")
INTERVAL = ("mean", "ci_low", "ci_high", "n")
ARTEFACTS = ("report.html", "model.safetensors", "config.toml", "summary.json", "cases.csv")
EXIT_CODES = {"finished": 0, "stopped": 143}
OPEN: dict[Path, wandb.Run] = {}
"""The tracked runs of this process, by the directory of their run."""


def begin(mode: str, run: RunInfo) -> None:
    """Start the run with its settings, but for the data's folder; a resumed one goes on under its id."""
    if mode not in MODES:
        raise UsageError(f"SEGKIT_WANDB={mode} is none of {', '.join(MODES)}", "set it to offline, or unset it")
    known = read_json(run.folder / FILE, {"run": str, "epoch": int}, absent="{}") if run.resumed else {}
    # Host name, program and machine are none of a run's results; segkit's environment.json has what those depend on.
    quiet = wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True)
    OPEN[run.folder] = tracked = wandb.init(
        id=known.get("run"),
        resume="allow" if known else None,
        mode=mode,  # type: ignore[arg-type]
        dir=str(run.folder),
        project=os.environ.get("WANDB_PROJECT", "segkit"),
        name=str(run.config.get("run.name") or run.folder.name),
        config={name: value for name, value in run.config.items() if name != "data.root"},
        settings=quiet,
        reinit="create_new",
    )
    write_json(run.folder / FILE, {"run": tracked.id, "epoch": known.get("epoch", 0)})
    for record in read_lines(run.folder / "history.jsonl", absent="") if known else ():
        log_epoch(run, record)


def log_epoch(run: RunInfo, record: Mapping[str, Any]) -> None:
    """Write an epoch's figures, unless they were written before: a run goes on a little before where it was killed."""
    known, epoch = read_json(run.folder / FILE, {"run": str, "epoch": int}), int(record["epoch"])
    if epoch <= known["epoch"]:
        return
    figures = {f"train/{name}": record[name] for name in EVERY_EPOCH if name in record}
    figures |= {f"train/{name}": value for name, value in (record.get("terms") or {}).items()}
    figures |= {f"val/{name}": value for name, value in (record.get("val") or {}).items()}
    OPEN[run.folder].log({name: value for name, value in figures.items() if value is not None}, step=epoch)
    write_json(run.folder / FILE, {**known, "epoch": epoch})


def end(run: RunInfo, status: str, summary: Mapping[str, Any]) -> None:
    """Write each mean over cases with its interval and n, the files that people ask for, and the status."""
    tracked = OPEN.pop(run.folder)
    for row in summary.get("scores", ()):
        if row["aggregation"] == "case_mean":
            name = f"scores/{summary['split']}/{row['metric']}/{row['class']}"
            tracked.summary.update({f"{name}/{figure}": row.get(figure) for figure in INTERVAL})
    files = [run.folder / name for name in ARTEFACTS if status == "finished" and (run.folder / name).exists()]
    if files:
        artefact = wandb.Artifact(f"run-{tracked.id}", "run")
        for file in files:
            artefact.add_file(str(file))
        tracked.log_artifact(artefact)
    tracked.finish(exit_code=EXIT_CODES.get(status, 1))
