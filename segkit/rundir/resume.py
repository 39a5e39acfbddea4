"""A run that was stopped: what it was, and whether this is still the same."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.config import Config, Layer, read_file
from segkit.errors import SegkitError, UsageError
from segkit.rundir.names import CONFIG, ENVIRONMENT, REPORT, STATE_FOLDER, SUMMARY

MAY_DIFFER = ("run.workers", "run.output", "run.save_minutes")
"""Settings that change neither weights nor scores."""
MUST_AGREE = ("segkit", "torch", "device", "autocast", "processes", "components")
"""Parts of environment.json that weights depend on; threads are restored."""


@dataclass(frozen=True)
class Resume:
    """A run directory to go on in.

    Attributes:
        config: its config file's settings.
        environment: what its environment.json holds; None where it was stopped before that was written.
        forced: go on though something differs.
    """

    folder: Path
    config: Layer
    environment: Mapping[str, Any] | None
    forced: bool

    @property
    def threads(self) -> int | None:
        """Threads of one operator, as the run had them: sums over other numbers of threads end in other bits."""
        found = (self.environment or {}).get("threads")
        return found if type(found) is int and found > 0 else None

    def check(self, config: Config, environment: Mapping[str, Any]) -> None:
        """Raise SegkitError that says what differs between the run and the plan to go on with, unless forced."""
        now = config.flat()
        differences = [
            f"{name} was {value!r}, is {now.get(name)!r}"
            for name, value in self.config.values.items()
            if name not in MAY_DIFFER and now.get(name) != value
        ]
        before = self.environment or {}
        for name in MUST_AGREE:
            if before and before.get(name) != environment.get(name):
                differences.append(f"{name} was {describe(before.get(name))}, is {describe(environment.get(name))}")
        if differences and not self.forced:
            raise SegkitError(
                f"{self.folder} cannot be resumed as it was: {'; '.join(differences[:5])}",
                "say --force to go on all the same, or start a new run",
            )


def describe(value: Any) -> str:
    """A version, a number of processes or a list of components, as a sentence can hold it."""
    if isinstance(value, list):
        return ", ".join(f"{item.get('name')} {item.get('version')}" for item in value if isinstance(item, dict))
    return "not said" if value is None else str(value)


def open_run(folder: Path, *, forced: bool) -> Resume:
    """Read what a stopped run wrote down.

    Raises:
        UsageError: the folder is no run directory.
        SegkitError: its files are damaged.
    """
    if not (folder / CONFIG).is_file():
        raise UsageError(f"--resume {folder}: there is no {CONFIG} in it", "name the directory of a run")
    path = folder / ENVIRONMENT
    environment = None
    if path.exists():
        try:
            environment = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise SegkitError(f"{path} is damaged ({error})", "delete it to go on without its checks") from None
        if not isinstance(environment, dict):
            raise SegkitError(f"{path} is damaged: it holds no table", "delete it to go on without its checks")
    return Resume(folder, read_file(folder / CONFIG), environment, forced)


def restarted(output: str | None, config: Config, environ: Mapping[str, str]) -> Resume | None:
    """Return the run that this same command began before torchrun started its processes again; None where it has not.

    Args:
        output: the run directory that was asked for; runs/<name> is looked through where none was.
    """
    if int(environ.get("TORCHELASTIC_RESTART_COUNT", "0")) == 0:
        return None
    base = Path("runs") / str(config.run.name)
    folders = [Path(output)] if output is not None else sorted(base.parent.glob(f"{glob.escape(base.name)}*"))
    now = config.flat()
    for folder in sorted((folder for folder in folders if (folder / CONFIG).is_file()), key=last_changed, reverse=True):
        found = open_run(folder, forced=False)
        same = all(now.get(name) == value for name, value in found.config.values.items() if name not in MAY_DIFFER)
        if same and not is_finished(folder):
            return found
    return None


def last_changed(folder: Path) -> float:
    """When a run's config was written, in seconds."""
    return (folder / CONFIG).stat().st_mtime


def is_finished(folder: Path) -> bool:
    """Whether a run has everything, so that there is nothing to go on with."""
    return (folder / REPORT).exists() and (folder / SUMMARY).exists() and not (folder / STATE_FOLDER).exists()
