"""A run that was stopped: what it was, and whether this is still the same."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segkit.config import Config, Layer, read_file, read_written
from segkit.errors import SegkitError, UsageError
from segkit.rundir.allowances import (
    MAY_DIFFER,
    Difference,
    compare_environments,
    compare_settings,
    refuse,
    refuse_after_training,
)
from segkit.rundir.claim import RUNS
from segkit.rundir.names import CONFIG, ENVIRONMENT, MODEL, STATE, STATE_FOLDER
from segkit.rundir.read import read_environment
from segkit.rundir.stage import Stage, longer_epochs, standing_of

EPOCHS = "train.epochs"
SETTINGS = "settings"
"""In a resume state's identity: the settings it was saved under; the rest are facts about the data."""


@dataclass(frozen=True)
class Resume:
    """A run directory to go on in.

    Attributes:
        config: its config file's settings.
        environment: what its environment.json holds; None where it has none.
        allowed: names of `segkit.rundir.allowances` that may differ.
        longer: whether more epochs are asked for than the run had: then it goes on though it is trained or finished.
    """

    folder: Path
    config: Layer
    environment: Mapping[str, Any] | None
    allowed: frozenset[str] = frozenset()
    longer: bool = False

    @property
    def threads(self) -> int | None:
        """Threads of one operator, as the run had them: sums over other numbers of threads end in other bits."""
        found = (self.environment or {}).get("threads")
        return found if type(found) is int and found > 0 else None

    def check(self, config: Config, environment: Mapping[str, Any]) -> None:
        """Raise SegkitError that says what differs between the run and the plan to go on with, unless allowed."""
        found = list(compare_settings(self.config.values, config.flat()))
        if self.environment is not None:
            found += compare_environments(self.environment, environment)
        refuse(str(self.folder), found, self.allowed)

    def check_state(self, before: Mapping[str, Any], now: Mapping[str, Any], *, trained: bool) -> None:
        """Raise SegkitError that says what differs between a resume state and the plan, unless allowed.

        The state is asked besides config.toml, which anybody may have edited.

        Args:
            before, now: the state's identity, and the plan's.
            trained: whether the state is that of a training that has come to its end.
        """
        found = list(compare_settings(before.get(SETTINGS, {}), now.get(SETTINGS, {})))
        for name in sorted({*before, *now} - {SETTINGS}):
            if before.get(name) != now.get(name):
                found.append(Difference(name, before.get(name), now.get(name), "data"))
        refuse(str(self.folder), found, self.allowed)
        if trained and self.longer:
            found = [difference for difference in found if difference.what != EPOCHS]
        if trained:
            refuse_after_training(str(self.folder), found)


def open_run(folder: Path, allowed: frozenset[str] = frozenset(), *, longer: bool = False) -> Resume:
    """Read what a stopped run wrote down.

    Args:
        longer: it is to be trained for more epochs than before, which a finished run can be.

    Raises:
        UsageError: the folder is no run directory.
        SegkitError: its files are damaged, or it cannot be gone on with.
    """
    if not (folder / CONFIG).is_file():
        raise UsageError(f"--resume {folder}: there is no {CONFIG} in it", "name the directory of a run")
    standing = standing_of(folder)
    finished = standing.stage is Stage.FINISHED and (folder / MODEL).is_file()
    if not standing.resumable and not (longer and finished):
        details = f": {standing.details}" if standing.details else ""
        raise SegkitError(f"{folder} is {standing.stage} and cannot be resumed{details}", standing.way_out)
    path = folder / ENVIRONMENT
    # One that is there and says nothing is compared like any other: what it does not say differs.
    environment = read_environment(path) if path.exists() else None
    config, wanted = read_written(folder / CONFIG), longer_epochs(folder)
    if wanted is not None and wanted != config.values.get(EPOCHS):
        # Killed between the two: config.toml is the one that was not written yet.
        config, longer = replace(config, values={**config.values, EPOCHS: wanted}), True
    allowed |= {"epochs"} if longer else frozenset()
    return Resume(folder, config, environment, allowed, longer)


def is_longer(folder: Path, epochs: object) -> bool:
    """Whether a number of epochs that somebody said is more than a run was to have."""
    if epochs is None or not (folder / CONFIG).is_file():
        return False
    try:
        return int(str(epochs)) > int(read_file(folder / CONFIG).values.get(EPOCHS, 0))
    except (SegkitError, TypeError, ValueError):
        return False  # what is wrong with either is told where it is read


def has_state(folder: Path) -> bool:
    """Whether a run has weights of its own to go on with: it was saved at least once."""
    return (folder / STATE_FOLDER / STATE).exists()


def restarted(output: str | None, config: Config) -> Path | None:
    """Return the run that this same command began before torchrun started its processes again; None where it has not.

    Args:
        output: the run directory that was asked for; runs/<name> is looked through where none was.
    """
    base = RUNS / str(config.run.name)
    folders = [Path(output)] if output is not None else base.parent.glob(f"{glob.escape(base.name)}*")
    written = [folder for folder in folders if (folder / CONFIG).is_file()]
    now = config.flat()
    for folder in sorted(written, key=lambda folder: (folder / CONFIG).stat().st_mtime, reverse=True):
        try:
            before = read_file(folder / CONFIG).values
        except SegkitError:
            continue  # somebody else's, for this command's own was written whole
        if all(now.get(name) == value for name, value in before.items() if name not in MAY_DIFFER):
            return folder
    return None
