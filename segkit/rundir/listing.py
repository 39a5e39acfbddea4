"""Run directories at a glance: what each is, how far it came and what it scored, read without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError
from segkit.files import read_toml
from segkit.rundir.lock import is_being_written
from segkit.rundir.names import CONFIG, HISTORY, MODEL, SCORES, SUMMARY
from segkit.rundir.read import read_summary
from segkit.rundir.shapes import CONFIG_GLANCE
from segkit.rundir.stage import Stage, standing_of

DEEPEST = 4
ALL_CLASSES = "all classes"


@dataclass(frozen=True)
class Score:
    """A main score.

    Attributes:
        mean, low, high: with the 95 % interval; None where undefined.
        cases: how many values the mean is of, one for each case and class.
        missed: structures that were missed; metrics that are infinite or undefined for them have no mean of them.
    """

    metric: str
    mean: float | None
    low: float | None
    high: float | None
    cases: int
    split: str
    missed: int = 0

    def __str__(self) -> str:
        missed = f", {self.missed} missed" if self.missed else ""
        if self.mean is None:
            return f"{self.metric} undefined ({self.split}{missed})"
        interval = f" [{self.low:.3f}, {self.high:.3f}]" if self.low is not None and self.high is not None else ""
        return f"{self.metric} {self.mean:.3f}{interval} ({self.split}, n={self.cases}{missed})"


@dataclass(frozen=True)
class ListedRun:
    """One run directory.

    Attributes:
        state: one of `segkit.rundir.stage.Stage`.
        details: how far it came, or what is wrong.
        running: whether a process is writing it right now.
        when: of the last change.
        evaluations: by folder below the run, what `segkit evaluate` scored.
    """

    folder: Path
    state: str
    details: str
    when: datetime
    running: bool = False
    name: str = ""
    components: Mapping[str, str] = field(default_factory=dict)
    score: Score | None = None
    generated: bool = False
    evaluations: Mapping[str, Score | None] = field(default_factory=dict)


def find_runs(folder: Path) -> list[ListedRun]:
    """Read every run in a folder and its subfolders, the newest first; the folder may itself be one.

    Raises:
        SegkitError: it is no folder.
    """
    if not folder.is_dir():
        raise SegkitError(f"{folder} is no folder", "give the folder that holds the runs")
    return sorted(map(list_run, run_folders(folder)), key=lambda run: (run.when, str(run.folder)), reverse=True)


def run_folders(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Yield run directories; what lies inside one is its own."""
    if any((folder / name).is_file() for name in (CONFIG, SUMMARY, MODEL)):
        yield folder
        return
    if depth == DEEPEST:
        return
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:  # not ours to read, or gone meanwhile
        return
    for path in below:
        # A link may be a run that lies on another disk; what is below it may be that whole disk.
        yield from run_folders(path, DEEPEST if path.is_symlink() else depth + 1)


def list_run(folder: Path) -> ListedRun:
    """Read one run directory; whatever is wrong with it becomes its state."""
    standing, when = standing_of(folder), changed(folder)
    try:
        config = read_toml(folder / CONFIG, CONFIG_GLANCE, file=CONFIG, absent="")
        # What a run has scored that is yet to be finished is written anew.
        summary = {} if standing.resumable else read_summary(folder / SUMMARY, absent="{}")
        evaluations = {
            f"{SCORES}/{path.parent.name}": main_score(read_summary(path))
            for path in sorted(folder.glob(f"{SCORES}/*/{SUMMARY}"))
        }
        return ListedRun(
            folder=folder,
            state=standing.stage,
            details=standing.details,
            when=when,
            running=is_being_written(folder),
            name=str(summary.get("name") or config.get("run", {}).get("name") or folder.name),
            components=components_of(config, summary),
            score=main_score(summary),
            # Before there is a summary, the config tells: a sample's cached folder is the one root that it never pins.
            generated=bool(summary.get("generated_sample", config.get("data", {}).get("root") == "none")),
            evaluations=evaluations,
        )
    except SegkitError as error:
        return ListedRun(folder, Stage.BROKEN, error.message, when, name=folder.name)


def main_score(summary: Mapping[str, Any]) -> Score | None:
    """Return the score of the main metric, over all classes where there are several; None where nothing is scored."""
    rows = [row for row in summary.get("scores", []) if row["metric"] == summary.get("main_metric")]
    if not rows:
        return None
    row = next((row for row in rows if row["class"] == ALL_CLASSES), rows[0])
    interval, missed = (row["ci_low"], row["ci_high"]), int(row.get("n_missed", 0))
    return Score(row["metric"], row["mean"], *interval, int(row["n"]), str(summary.get("split")), missed)


def components_of(config: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, str]:
    """Return arch, data and loss by their short names."""
    said = config.get("components", {})
    listed = {item["kind"]: item["name"] for item in summary.get("components", [])}
    named = {kind: str(said.get(kind) or listed.get(kind) or "") for kind in ("arch", "data", "loss")}
    return {kind: " + ".join(short(term) for term in text.split(" + ")) for kind, text in named.items()}


def short(term: str) -> str:
    """Cut "0.5*segkit-losses:dice" down to "0.5*dice"."""
    factor, star, name = term.rpartition("*")
    return factor + star + name.rpartition(":")[2]


def changed(folder: Path) -> datetime:
    """Return when a run was last written to."""
    files = [folder / name for name in (CONFIG, SUMMARY, MODEL, HISTORY)]
    latest = max((path.stat().st_mtime for path in files if path.is_file()), default=0.0)
    try:
        return datetime.fromtimestamp(latest, UTC).astimezone()
    except (OverflowError, ValueError, OSError):  # an archive may say that a file is from the year 100,000
        return datetime.fromtimestamp(0, UTC).astimezone()
