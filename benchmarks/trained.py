"""Runs of a benchmark: each trained once, taken up where it was stopped, and read case by case."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segkit.statistics import summarize


def train(run: Path, *arguments: str) -> None:
    """Train and score a run as `segkit run` does with these arguments; not again where it is finished."""
    if (run / "summary.json").is_file():
        return
    said = ["--resume", str(run)] if (run / "config.toml").is_file() else [*arguments, "--output", str(run)]
    subprocess.run([sys.executable, "-m", "segkit", "run", *said], check=True)


def epochs_of(run: Path) -> list[dict[str, Any]]:
    """What was written down of each epoch."""
    lines = (run / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def scores_of(run: Path, metric: str = "dice") -> dict[str, dict[str, float]]:
    """Scores by class and case."""
    found: dict[str, dict[str, float]] = {}
    with (run / "cases.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            found.setdefault(row["class"], {})[row["case"]] = float(row[metric])
    return found


def over_seeds(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Each case's mean over runs that scored the same cases."""
    return {case: float(np.mean([run[case] for run in runs])) for case in runs[0]}


def told(values: Sequence[float]) -> str:
    """A mean with its 95 % interval over cases, where there are enough of them."""
    found = summarize(np.array(values))
    if found.ci_low is None or found.ci_high is None:
        return f"{found.mean:.4f}"
    return f"{found.mean:.4f} ({found.ci_low:.4f} to {found.ci_high:.4f})"
