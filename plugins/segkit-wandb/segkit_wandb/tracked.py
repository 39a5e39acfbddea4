"""One run of segkit as one run of Weights & Biases, through its client; the run's directory remembers which."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # nothing leaves the machine that was not asked for

import wandb

from segkit import UsageError
from segkit.rundir.tracked import Tracked, files_of, score_figures, shown_settings

if TYPE_CHECKING:
    from segkit import RunInfo

FILE = "wandb.json"
MODES = ("offline", "online")
EXIT_CODES = {"finished": 0, "stopped": 143}
OPEN: dict[Path, wandb.Run] = {}
"""The tracked runs of this process, by the directory of their run."""


def begin(mode: str, run: RunInfo) -> None:
    """Start the run with its settings; a resumed one goes on under its id, with the epochs it lacks."""
    if mode not in MODES:
        raise UsageError(f"SEGKIT_WANDB={mode} is none of {', '.join(MODES)}", "set it to offline, or unset it")
    tracked = Tracked(run.folder, FILE)
    known = tracked.id if run.resumed else None
    # Host name, program and machine are none of a run's results; segkit's environment.json has what those depend on.
    quiet = wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True)
    OPEN[run.folder] = opened = wandb.init(
        id=known,
        resume="allow" if known else None,
        mode=mode,  # type: ignore[arg-type]
        dir=str(run.folder),
        project=os.environ.get("WANDB_PROJECT", "segkit"),
        name=str(run.config.get("run.name") or run.folder.name),
        config=shown_settings(run.config),
        settings=quiet,
        reinit="create_new",
    )
    tracked.begin(opened.id, tracked.epoch if known else 0)
    if known:
        tracked.catch_up(opened.log)


def log_epoch(run: RunInfo, record: Mapping[str, Any]) -> None:
    """Write an epoch's figures, where the run has begun; that it could not was told by then."""
    if run.folder in OPEN:
        Tracked(run.folder, FILE).tell(record, OPEN[run.folder].log)


def end(run: RunInfo, status: str, summary: Mapping[str, Any]) -> None:
    """Write each mean over cases with its interval and n, the files that people ask for, and the status."""
    opened = OPEN.pop(run.folder, None)
    if opened is None:
        return
    opened.summary.update(score_figures(summary))
    files = files_of(run.folder) if status == "finished" else []
    if files:
        artefact = wandb.Artifact(f"run-{opened.id}", "run")
        for file in files:
            artefact.add_file(str(file))
        opened.log_artifact(artefact)
    opened.finish(exit_code=EXIT_CODES.get(status, 1))
