"""One Markdown table from finished runs: parameters, time, memory, scores with their intervals.

    python benchmarks/results.py RUN... [--metric dice --metric iou] [--classes] [--page docs/results/FILE.md]

A row per run, in the order given, and under the runs of one model, which differ in their seed alone, their mean. Time
is that of all epochs by the clock, without validation; memory the most that the process held, all libraries with it.
Scores are those of summary.json, on the cases' own grids. It ends with the settings that differ between the models, so
that a table says by itself what it compares. With --page it replaces what stands between the page's two marks.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ALL_CLASSES = "all classes"
SAME_MODEL = {"run.seed", "run.name", "run.output", "run.workers"}
"""Settings in which runs of one model may differ."""
SAID_IN_TABLE = {"components.arch", "data.mode"}


@dataclass(frozen=True)
class Run:
    """What a run directory says."""

    summary: dict[str, Any]
    environment: dict[str, Any]
    history: list[dict[str, Any]]
    settings: dict[str, str]

    @property
    def model(self) -> tuple[tuple[str, str], ...]:
        """Everything but what runs of one model may differ in."""
        return tuple((name, value) for name, value in self.settings.items() if name not in SAME_MODEL)

    @property
    def title(self) -> str:
        """The network, and how it was shown volumes."""
        mode = self.settings["data.mode"]
        name = self.settings["components.arch"].rpartition(":")[2]
        return name if mode == "images" else f"{name}, {mode}"

    @property
    def minutes(self) -> float:
        """All epochs by the clock."""
        return sum(float(epoch["seconds"]) for epoch in self.history) / 60

    def score(self, metric: str, label: str | None = None) -> dict[str, Any]:
        """The row of a metric and class; of the mean over classes, or the only class, where none is named."""
        rows = [row for row in self.summary["scores"] if row["metric"] == metric]
        found = [row for row in rows if row["class"] == (label or ALL_CLASSES)] or rows[:1]
        if not found:
            raise SystemExit(f"{self.summary['name']} has no {metric}: segkit evaluate RUN --metric {metric}")
        return dict(found[0])


def read(folder: Path) -> Run:
    """Read a finished run."""
    summary, environment = (json.loads((folder / f"{name}.json").read_text()) for name in ("summary", "environment"))
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    config = tomllib.loads((folder / "config.toml").read_text())
    return Run(summary, environment, history, dict(flat(config)))


def flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted names and values."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def cell(row: dict[str, Any]) -> str:
    """A mean with its interval; what is beside it where cases were missed."""
    missed = f", {row['n_missed']} missed" if row["n_missed"] else ""
    return f"{row['mean']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f}{missed})"


def table(models: Sequence[Sequence[Run]], metrics: Sequence[str], classes: bool) -> Iterator[str]:
    """Yield the lines of the table."""
    labels: list[str | None] = [None]
    if classes:
        labels += models[0][0].summary["task"]["classes"]
    columns = [(metric, label) for metric in metrics for label in labels]
    heads = [metric if label is None else f"{metric}, {label}" for metric, label in columns]
    yield f"| network | parameters | seed | epochs | training, minutes | memory, MiB | {' | '.join(heads)} |"
    yield "| --- | ---: | --- | ---: | ---: | ---: |" + " --- |" * len(heads)
    for runs in models:
        for run in runs:
            memory = run.summary["peak_memory"]["process"] / 2**20
            scores = " | ".join(cell(run.score(*column)) for column in columns)
            yield (
                f"| {run.title} | {run.summary['parameters']:,} | {run.settings['run.seed']} | {len(run.history)} | "
                f"{run.minutes:.1f} | {memory:,.0f} | {scores} |"
            )
        if len(runs) > 1:
            means = [sum(run.score(*column)["mean"] for run in runs) / len(runs) for column in columns]
            yield f"| {runs[0].title}, mean | | | | | | {' | '.join(f'{mean:.3f}' for mean in means)} |"


def remarks(models: Sequence[Sequence[Run]]) -> Iterator[str]:
    """Yield what the scores are of, where they were made, and in which settings the models differ."""
    runs = [run for members in models for run in members]
    for text in dict.fromkeys(f"{scored(run)}; {run.summary['split_note']}" for run in runs):
        yield f"{text}. Scored weights: {', '.join(dict.fromkeys(run.summary['weights'] for run in runs))}."
    for text in dict.fromkeys(map(machine, runs)):
        yield f"Made with {text}."
    # A param that only some of the networks have belongs to the network, which the table names.
    shared = set.intersection(*({name for name, _ in run.model} for run in runs))
    names = sorted(shared - SAID_IN_TABLE)
    differing = [name for name in names if len({members[0].settings.get(name) for members in models}) > 1]
    yield f"Settings that differ, besides params that not all networks have: {'' if differing else 'none.'}".rstrip()
    if differing:
        yield ""
    for name in differing:
        yield f"- {name}: {', '.join(f'{members[0].title} {members[0].settings.get(name)}' for members in models)}"


def scored(run: Run) -> str:
    """How many cases of which split."""
    return f"{run.score(run.summary['main_metric'])['n_cases']} cases of the split {run.summary['split']}"


def machine(run: Run) -> str:
    """What a run was computed with."""
    return f"torch {run.environment['torch']}, {run.environment['device']}, threads: {run.environment['threads']}"


def insert(page: Path, name: str, text: str) -> None:
    """Put a text between a page's marks <!-- NAME --> and <!-- end of NAME -->."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise SystemExit(f"{page} has no {begin} with {end} after it")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--metric", action="append")
    parser.add_argument("--classes", action="store_true", help="a column for each class too")
    parser.add_argument("--page", type=Path, help="a page with two marks, between which the table goes")
    args = parser.parse_args()
    models: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in map(read, args.runs):
        models.setdefault(run.model, []).append(run)
    grouped = list(models.values())
    lines = [*table(grouped, args.metric or [grouped[0][0].summary["main_metric"]], args.classes), ""]
    text = "\n".join([*lines, *remarks(grouped)])
    print(text)
    if args.page:
        insert(args.page, "results", text)


if __name__ == "__main__":
    main()
