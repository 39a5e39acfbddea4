"""Run directories at a glance: what each is, how far it came and what it scored, read without torch."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError
from segkit.files import parse_json
from segkit.rundir.names import CONFIG, HISTORY, MODEL, SCORES, STATE_FOLDER, SUMMARY

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
        state: "finished", "trained" (not scored), "unfinished" or "broken".
        details: how far it came, or what is wrong.
        when: of the last change.
        evaluations: by folder below the run, what `segkit evaluate` scored.
    """

    folder: Path
    state: str
    details: str
    when: datetime
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
    except PermissionError:
        return
    for path in below:
        yield from run_folders(path, depth + 1)


def list_run(folder: Path) -> ListedRun:
    """Read one run directory; whatever is wrong with it becomes its state."""
    when = changed(folder)
    try:
        config = read_config(folder / CONFIG)
        summary = read_table(folder / SUMMARY)
        evaluations = {
            f"{SCORES}/{path.parent.name}": main_score(read_table(path))
            for path in sorted(folder.glob(f"{SCORES}/*/{SUMMARY}"))
        }
        state, details = progress_of(folder, config, summary)
        return ListedRun(
            folder=folder,
            state=state,
            details=details,
            when=when,
            name=str(summary.get("name") or config.get("run", {}).get("name") or folder.name),
            components=components_of(config, summary),
            score=main_score(summary),
            generated=bool(summary.get("generated_sample", "generated-sample" in folder.name)),
            evaluations=evaluations,
        )
    except (SegkitError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = error.message if isinstance(error, SegkitError) else f"its files are damaged ({error!r})"
        return ListedRun(folder, "broken", reason, when, folder.name)


def progress_of(folder: Path, config: Mapping[str, Any], summary: Mapping[str, Any]) -> tuple[str, str]:
    """Return a run's state and how far it came."""
    resumable, has_model = (folder / STATE_FOLDER).is_dir(), (folder / MODEL).is_file()
    if summary and has_model and not resumable:
        return "finished", ""
    if summary and not has_model:
        return "broken", f"{MODEL} is missing"
    if has_model:
        return "trained", "not scored"
    epochs = config.get("train", {}).get("epochs", "?")
    lines = (folder / HISTORY).read_text(encoding="utf-8").splitlines() if (folder / HISTORY).is_file() else []
    done = json.loads(lines[-1])["epoch"] if lines else 0
    if not resumable:
        return "broken", f"stopped in epoch {done} of {epochs}, and nothing to resume from"
    return "unfinished", f"{done} of {epochs} epochs"


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
    files = [folder, *(folder / name for name in (CONFIG, SUMMARY, MODEL, HISTORY))]
    latest = max(path.stat().st_mtime for path in files[1:] if path.exists())
    return datetime.fromtimestamp(latest, UTC).astimezone()


def read_config(path: Path) -> dict[str, Any]:
    """Read a run's config; empty where there is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise SegkitError(f"{path.name} is damaged ({' '.join(str(error).split())})", "copy it again") from None


def read_table(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty where there is no file."""
    try:
        found = parse_json(path.read_bytes()) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise SegkitError(f"{path.name} is damaged ({error})", "score the run again") from None
    if not isinstance(found, dict):
        raise SegkitError(f"{path.name} is damaged (it holds no table)", "score the run again")
    return found
