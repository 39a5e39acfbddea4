"""A command about a run as a job: `segkit evaluate` or `segkit predict`, each into a folder of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.data.sources import content_hash
from segkit.errors import SegkitError, UsageError
from segkit.files import read_end, read_json, write_json
from segkit.jobs.compare.compose import file_name
from segkit.jobs.launch.job import LAST_PART, LOG, SUBMITTED, Job
from segkit.rundir.claim import Claim
from segkit.rundir.names import MODEL

JOBS = ".jobs"
"""What the jobs print, a folder each."""
ASKED = "command.json"
"""What a job was asked, by which the same command knows its own results again."""


@dataclass(frozen=True, eq=False)
class CommandJob(Job):
    """A command about a run that an engine carries out.

    Attributes:
        words: of the command line, without the program.
        run: the run's directory or checkpoint.
        ended: whether a folder holds all that the command writes.
    """

    words: Sequence[str]
    run: Path
    ended: Callable[[Path], bool]

    @property
    def arguments(self) -> list[str]:
        """The command line; what one that was killed left, the next one replaces."""
        return [sys.executable, "-m", "segkit", *self.words]

    @property
    def finished(self) -> bool:
        """Whether the folder holds the results."""
        return self.ended(self.folder)

    @property
    def details(self) -> str:
        """What it printed last."""
        try:
            lines = read_end(self.logs / LOG, LAST_PART).splitlines()
        except SegkitError:
            return ""
        return lines[-1] if lines else ""

    def prepare(self) -> Claim | None:
        """Write down what is asked."""
        claim = super().prepare()
        write_json(self.logs / ASKED, self.asked())
        return claim

    def asked(self) -> dict[str, Any]:
        """What is asked, of which weights."""
        model = self.run / MODEL if self.run.is_dir() else self.run
        return {"command": list(self.words), "model": content_hash(model) if model.is_file() else ""}

    def check_same(self) -> None:
        """Raise SegkitError where the folder is that of another command, or of other weights."""
        before = read_json(self.logs / ASKED, {"command": list, "model": str}, absent="{}")
        begun = self.folder.exists() or (self.logs / SUBMITTED).exists()
        if not begun:
            return
        now = self.asked()
        if before.get("command") != now["command"]:
            raise SegkitError(f"{self.folder} is of another command", "name another --output, or say the same again")
        if self.finished and before["model"] != now["model"]:
            raise SegkitError(f"{self.folder} is of other weights than {self.run} has now", "name another --output")


def make_jobs(
    runs: Sequence[Path],
    folder: Path,
    words: Callable[[Path, Path], Sequence[str]],
    ended: Callable[[Path], bool],
) -> list[CommandJob]:
    """Make one job for each run, with a folder of its own in `folder`; paths are whole, as with `segkit compare`.

    Args:
        words: of a run and its folder, the command line.

    Raises:
        UsageError: a run is named twice.
        SegkitError: a run is not there, the folder holds something else, or results of another command.
    """
    place = folder.absolute()
    for run in runs:
        if not run.exists():
            raise SegkitError(f"{run} does not exist", f"give a run directory or its {MODEL}")
    if place.exists() and not (place.is_dir() and ((place / JOBS).is_dir() or not any(place.iterdir()))):
        raise SegkitError(f"--output {folder} already holds something else", "name another folder")
    jobs = [
        CommandJob(name, place / name, place / JOBS / name, words(run.absolute(), place / name), run.absolute(), ended)
        for name, run in zip(names_of(runs), runs, strict=True)
    ]
    for job in jobs:
        job.check_same()
    return jobs


def names_of(runs: Sequence[Path]) -> list[str]:
    """Name runs after their directories, and after those above where that alone does not tell them apart.

    Raises:
        UsageError: one is named twice.
    """
    whole = [path.resolve() for path in runs]
    whole = [path.parent if path.name == MODEL else path for path in whole]
    for depth in range(1, max(len(path.parts) for path in whole) + 1):
        names = [file_name("-".join(path.parts[-depth:])) for path in whole]
        if len({*names}) == len(names):
            return names
    twice = next(run for number, run in enumerate(runs) if whole[number] in whole[:number])
    raise UsageError(f"{twice} is named twice", "name every run once")
