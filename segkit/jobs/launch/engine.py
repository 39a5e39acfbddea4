"""The launcher that was asked for, and what it answers, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segkit.declarations.parts import Launcher
from segkit.discovery import Registry
from segkit.errors import SegkitError, UsageError, one_line
from segkit.jobs.culprit import package_of, told_in, way_to_author
from segkit.jobs.launch.local import NAME, Local, LocalParams, visible_devices
from segkit.params import build

STATES = ("waiting", "running", "finished", "failed", "unknown")
REQUIRED = ("submit", "state", "cancel")
SECTION = "launcher."
"""What begins the settings of a launcher in `--set launcher.PARAM=VALUE`."""
PAUSE = 2.0
"""Seconds between two looks at jobs, where a launcher says nothing."""

Submission = tuple[Sequence[str], Path]
"""A command line, and the folder of what it prints."""


class Engine:
    """A launcher as the watch uses it: what it need not have is made up for, what it raises is told as its own.

    Args:
        name: full name, by which its jobs are known again.
        launcher: what its factory returned.
        at_once: how many jobs run at a time; None: as many as the engine takes.
    """

    def __init__(self, name: str, launcher: Any, at_once: int | None) -> None:
        missing = [method for method in REQUIRED if not callable(getattr(launcher, method, None))]
        if missing:
            raise SegkitError(f"launcher {name} has no {', '.join(missing)}", "report it to its author")
        self.name, self.launcher, self.at_once = name, launcher, at_once
        self.pause = float(getattr(launcher, "pause", PAUSE))
        self.goes_on = bool(getattr(launcher, "goes_on", True))

    @property
    def takes_all(self) -> bool:
        """Whether it is given all jobs together, and itself sees to how many run at a time."""
        return callable(getattr(self.launcher, "submit_all", None))

    def submit(self, jobs: Sequence[Submission]) -> list[str]:
        """Submit jobs, and return what the engine calls each; raises SegkitError."""
        if self.takes_all:
            ids = self.ask("submit_all", jobs, self.at_once)
        else:
            ids = [self.ask("submit", arguments, folder) for arguments, folder in jobs]
        if not isinstance(ids, list) or len(ids) != len(jobs) or not all(isinstance(id, str) and id for id in ids):
            raise SegkitError(
                f"launcher {self.name} gave {ids!r} as ids of {len(jobs)} jobs", "report it to its author"
            )
        return ids

    def states(self, ids: Sequence[str]) -> dict[str, str]:
        """Say where each job is; raises SegkitError where the engine does not answer."""
        if callable(getattr(self.launcher, "states", None)):
            told: Mapping[str, str] = self.ask("states", list(ids)) if ids else {}
        else:
            told = {id: self.ask("state", id) for id in ids}
        found = {id: told.get(id, "unknown") for id in ids}
        for id, state in found.items():
            if state not in STATES:
                raise SegkitError(f"launcher {self.name} says that {id} is {state!r}", "report it to its author")
        return found

    def reason(self, id: str) -> str:
        """Why the engine ended a job, in a sentence; "" where it did not."""
        return one_line(str(self.ask("reason", id))) if callable(getattr(self.launcher, "reason", None)) else ""

    def cancel(self, id: str) -> None:
        """Ask the engine to stop a job; raises SegkitError."""
        self.ask("cancel", id)

    def script(self, jobs: Sequence[Submission]) -> str:
        """Return what would be submitted, as text; raises SegkitError."""
        if callable(getattr(self.launcher, "script", None)):
            return str(self.ask("script", jobs, self.at_once) if self.takes_all else self.ask("script", jobs))
        import shlex

        return "\n".join(shlex.join(arguments) for arguments, _ in jobs)

    def close(self) -> None:
        """Say that every job has ended."""
        if callable(getattr(self.launcher, "close", None)):
            self.ask("close")

    def ask(self, method: str, *values: Any) -> Any:
        """Call the launcher; raises SegkitError whatever it raises."""
        try:
            return getattr(self.launcher, method)(*values)
        except SegkitError:
            raise
        except (Exception, SystemExit) as error:  # a stranger's code, or the engine's client
            reason = told_in(error, package_of(self.launcher))
            raise SegkitError(f"launcher {self.name}: {method} failed: {reason}", way_on(self.name)) from error


def way_on(name: str) -> str:
    """What to do about what a launcher raised: it may be the engine's doing, or a fault."""
    return f"see whether its engine runs, or {way_to_author(name.partition(':')[0])}"


def open_engine(name: str, settings: Mapping[str, Any], at_once: int | None, registry: Registry) -> Engine:
    """Build a launcher by name.

    Args:
        settings: its params, as text, by the name behind "launcher.".
        at_once: how many jobs run at a time; None: for `local` one per device, elsewhere as the engine decides.

    Raises:
        UsageError: there is no such launcher, or no such param, or a value is outside of its limits.
        SegkitError: its engine is not there.
    """
    if name == NAME:
        params = build(LocalParams, settings, f"launcher {name}")
        at_once = at_once or max(1, len(params.devices or visible_devices()))
        return Engine(name, Local(params, at_once), at_once)
    found = registry.find(Launcher.kind, name) if registry.components(Launcher.kind) else None
    if found is None:
        raise UsageError(
            f"no launcher named {name!r}", f"there is {NAME}; others come with plugins{registry.missing()}"
        )
    params = build(found.component.params, settings, f"launcher {found.full_name}")
    factory = found.load()
    try:
        launcher = factory(params)
    except SegkitError:
        raise
    except (Exception, SystemExit) as error:
        reason = told_in(error, package_of(factory))
        raise SegkitError(f"launcher {found.full_name} cannot be used: {reason}", way_on(found.full_name)) from error
    return Engine(found.full_name, launcher, at_once)


def settings_of(section: str, assignments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Take `launcher.PARAM=VALUE` out of the texts of --set: of what no run's config holds.

    Args:
        section: with its dot.
    """
    own: dict[str, str] = {}
    others = []
    for text in assignments:
        dotted, equals, value = text.partition("=")
        if equals and dotted.strip().startswith(section):
            own[dotted.strip().removeprefix(section)] = value.strip()
        else:
            others.append(text)
    return own, others
