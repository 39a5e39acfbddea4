"""Finished runs, as a comparison needs them: their record and the settings they were made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.config import read_file
from segkit.errors import SegkitError
from segkit.rundir.allowances import MAY_DIFFER
from segkit.rundir.names import CONFIG, SUMMARY
from segkit.rundir.read import RunRecord, read_record
from segkit.rundir.stage import standing_of

RESULT = "comparison.json"
"""What a comparison's directory is known by."""
RUNS = "runs"
"""Where a comparison keeps the runs that it trained."""
FOLD = "data.fold"
REPEATS = ("run.seed", "run.name", FOLD, *MAY_DIFFER, "run.device", "run.threads", "data.root")
"""Settings that may differ between the runs of one model."""


@dataclass(frozen=True)
class FinishedRun:
    """A run directory with scores.

    Attributes:
        config: every setting by dotted name; empty where the run holds no config.
    """

    folder: Path
    record: RunRecord
    config: Mapping[str, Any]

    @property
    def seed(self) -> int | None:
        """The run's seed, where it is known."""
        found = self.config.get("run.seed")
        return found if isinstance(found, int) else None

    @property
    def fold(self) -> int | None:
        """Which fold of a cross-validation the run held out, where it is one of several."""
        found = self.config.get(FOLD)
        return found if isinstance(found, int) and self.config.get("data.folds") else None

    @property
    def recipe(self) -> dict[str, Any]:
        """The settings that make its model, whatever the seed and the fold."""
        return {name: value for name, value in self.config.items() if name not in REPEATS}


def read_compared_run(folder: Path) -> FinishedRun:
    """Read a run directory.

    Raises:
        SegkitError: it is no run, not finished, or has no scored cases.
    """
    standing = standing_of(folder)
    if standing.resumable:
        raise SegkitError(f"run {folder} is not finished", f"go on with it: segkit run --resume {folder}")
    if not (folder / SUMMARY).exists() and (folder / CONFIG).exists():
        raise SegkitError(f"run {folder} is {standing.stage}: {standing.details}", standing.way_out)
    record = read_record(folder)
    if not record.cases:
        raise SegkitError(f"run {folder} has no cases.csv with scored cases", "score the run again")
    config = read_file(folder / CONFIG).values if (folder / CONFIG).exists() else {}
    return FinishedRun(folder, record, config)


def read_runs(folders: Iterable[Path]) -> list[FinishedRun]:
    """Read run directories; the directory of a comparison stands for the runs that it trained."""
    runs = []
    for folder in folders:
        inside = sorted((folder / RUNS).glob("*/summary.json")) if (folder / RESULT).exists() else []
        runs += [read_compared_run(path.parent) for path in inside] or [read_compared_run(folder)]
    return runs
