"""What an engine carries out: a command line, and how to see from its folder how far it came. Mostly it is a run."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.files import read_end, read_json, write_json
from segkit.planning.plan import Plan
from segkit.rundir.claim import Claim, new_run_folder
from segkit.rundir.lock import is_being_written
from segkit.rundir.names import CONFIG
from segkit.rundir.stage import Stage, progress, standing_of

LOG = "job.log"
"""What a job prints, in the folder that its launcher is given."""
SUBMITTED = "job.json"
"""Which engine a job was given to, and what that calls it."""
SAID = ("error: ", "internal error: ", "interrupted: ")
"""How the last word of a command begins (segkit/cli/groups.py)."""
LAST_PART = 2**16
"""Bytes of a log in which its last word is looked for."""


@dataclass(frozen=True, eq=False)
class Job(ABC):
    """A command that an engine carries out; each is itself alone.

    Attributes:
        name: of the run that it is about.
        folder: of what comes of it.
        logs: the folder of what the job prints.
    """

    name: str
    folder: Path
    logs: Path

    @property
    @abstractmethod
    def arguments(self) -> list[str]:
        """The command line. It is the same for a start and for going on, so that an engine can give it once more."""

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether there is nothing to do."""

    @property
    def written(self) -> bool:
        """Whether a process is known to write into the folder right now."""
        return False

    @property
    def details(self) -> str:
        """How far it came, in few words."""
        return ""

    def prepare(self) -> Claim | None:
        """Get ready to be submitted, the log begun anew.

        Returns:
            What was made, to be taken back where the job cannot be submitted; None where that is nothing.

        Raises:
            SegkitError, OSError: it cannot be made.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        # Engines append, as a job that is queued again goes on in its log: the error of a try before is not this one's.
        (self.logs / LOG).unlink(missing_ok=True)
        return None

    def remember(self, launcher: str, id: str) -> None:
        """Write down what the engine calls the job."""
        write_json(self.logs / SUBMITTED, {"launcher": launcher, "id": id})

    def remembered(self, launcher: str) -> str | None:
        """Return what an engine called the job when it was last submitted; None where it was not."""
        found: dict[str, Any] = read_json(self.logs / SUBMITTED, {"launcher": str, "id": str}, absent="{}")
        return str(found["id"]) if found.get("launcher") == launcher else None

    def last_word(self) -> str:
        """Return the error that the job ended with, as it printed it; "" where it did not come to that.

        Raises:
            SegkitError: what it prints does not lie in a file.
        """
        for line in reversed(read_end(self.logs / LOG, LAST_PART).splitlines()):
            for prefix in SAID:
                if line.startswith(prefix):
                    return line.removeprefix(prefix)
        return ""


@dataclass(frozen=True, eq=False)
class RunJob(Job):
    """A run as a job: its directory with its config in it, and a command line that starts it or goes on with it.

    Attributes:
        plan: what is to be done.
    """

    plan: Plan

    @property
    def arguments(self) -> list[str]:
        """`segkit run --resume`."""
        command = [sys.executable, "-m", "segkit", "run", "--resume", str(self.folder)]
        return command if self.plan.source is None else [*command, "--from", str(self.plan.source.path)]

    @property
    def finished(self) -> bool:
        """Whether the run is."""
        return standing_of(self.folder).stage is Stage.FINISHED

    @property
    def written(self) -> bool:
        """Whether a process writes the run right now."""
        return is_being_written(self.folder)

    @property
    def details(self) -> str:
        """How many epochs were trained."""
        return progress(self.folder)

    def prepare(self) -> Claim | None:
        """Make the run's directory, with its config alone, where it is not there."""
        super().prepare()
        if (self.folder / CONFIG).exists():
            return None
        with new_run_folder(self.folder, self.name, self.plan.config.to_toml()) as claim:
            return claim
