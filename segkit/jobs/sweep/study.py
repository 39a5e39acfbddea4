"""A sweep's directory: what is searched, and its trials, shared by any number of processes and machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segkit.contracts import SearchedSetting, StudyInfo, Trial
from segkit.data.folders import lock_stream, locked, open_lock
from segkit.errors import SegkitError
from segkit.files import Either, Limited, read_json, write_json
from segkit.jobs.sweep.search import Search

STUDY = "study.json"
TRIALS = "trials"
RECORD = "trial.json"
LOCKS = ".locks"
RUN = "run"
NUMBER = Either(None, float)
TRIAL_SHAPE = {
    "number": Limited(int, 0, 10**6),
    "values": {str: str},
    "state": str,
    "score": NUMBER,
    "scores": [NUMBER],
    "reason": str,
}
RUNNING, FINISHED, PRUNED, FAILED = "running", "finished", "pruned", "failed"


@dataclass(frozen=True)
class Study:
    """The trials of a sweep.

    Attributes:
        info: what is searched.
        wanted: how many trials there are to be.
    """

    info: StudyInfo
    search: Search
    wanted: int

    @property
    def folder(self) -> Path:
        """The sweep's directory."""
        return self.info.folder

    def place(self, number: int) -> Path:
        """The folder of a trial."""
        return self.folder / TRIALS / f"{number:04d}"

    def trials(self) -> list[Trial]:
        """Every trial there is, by number; raises SegkitError for a damaged record."""
        found = []
        for path in sorted((self.folder / TRIALS).glob(f"[0-9]*/{RECORD}")):
            record = read_json(path, TRIAL_SHAPE, hint="remove that trial's folder: it is tried anew")
            found.append(Trial(**{**record, "scores": tuple(record["scores"])}))
        return sorted(found, key=lambda trial: trial.number)

    def write(self, trial: Trial) -> None:
        """Keep what is known of a trial."""
        self.place(trial.number).mkdir(parents=True, exist_ok=True)
        write_json(self.place(trial.number) / RECORD, asdict(trial))

    @contextmanager
    def next_trial(self) -> Iterator[Trial | None]:
        """Hold a trial that nobody works on: one that was left by a process that is gone, or a new one.

        None where all that are wanted have ended or are others'.
        """
        (self.folder / LOCKS).mkdir(parents=True, exist_ok=True)
        with locked(self.folder / LOCKS / "ask"):
            trials = self.trials()
            held = next((hold for trial in trials if trial.state == RUNNING and (hold := self.hold(trial))), None)
            if held is None and (number := free_number(trials)) < self.wanted:
                trial = Trial(number, self.search.suggest(number, trials))
                self.write(trial)
                held = self.hold(trial)
        if held is None:
            yield None
            return
        trial, stream = held
        with stream:
            yield trial

    def hold(self, trial: Trial) -> tuple[Trial, Any] | None:
        """Return a trial with the lock that is held on it; None where another process holds that."""
        stream = open_lock(self.folder / LOCKS / f"{trial.number:04d}.lock")
        if lock_stream(stream, wait=False):
            return trial, stream
        stream.close()
        return None


def free_number(trials: Sequence[Trial]) -> int:
    """The lowest number that no trial has: one whose folder was removed is tried anew."""
    taken = {trial.number for trial in trials}
    return next(number for number in range(len(taken) + 1) if number not in taken)


def open_study(folder: Path, facts: Mapping[str, Any]) -> None:
    """Begin a sweep's directory, or see that the one that is there is of the same sweep.

    Args:
        facts: all that its trials depend on but their own values.

    Raises:
        SegkitError: the folder holds something else, or a sweep of another space or with other settings.
    """
    path = folder / STUDY
    if (
        folder.exists()
        and not path.exists()
        and (not folder.is_dir() or any(p.name != LOCKS for p in folder.iterdir()))
    ):
        raise SegkitError(f"{folder} already holds something else", "name another --output")
    (folder / LOCKS).mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCKS / "study"):
        before: dict[str, Any] = read_json(path, dict, absent="null", hint="name another --output") or {}
        if not before:
            write_json(path, facts)
            return
    different = [name for name in {**before, **facts} if before.get(name) != facts.get(name)]
    if "space" in different:
        raise SegkitError(
            f"{folder} is a sweep of another space: {'; '.join(map(described, spaces(before)))}",
            "name another --output",
        )
    if different:
        told = "; ".join(f"{name} was {before.get(name)}, is {facts.get(name)}" for name in different[:3])
        raise SegkitError(f"{folder} is a sweep with other settings: {told}", "name another --output")


def spaces(facts: Mapping[str, Any]) -> list[SearchedSetting]:
    """What is searched, as study.json has it."""
    return [SearchedSetting(**{**one, "choices": tuple(one["choices"])}) for one in facts.get("space", ())]


def described(setting: SearchedSetting) -> str:
    """A setting as `--vary` takes it."""
    if setting.choices:
        return f"{setting.name}={','.join(setting.choices)}"
    ends = f"{setting.low:.0f}..{setting.high:.0f}" if setting.whole else f"{setting.low:g}..{setting.high:g}"
    return f"{setting.name}={'log:' if setting.log else ''}{ends}"
