"""`segkit runs`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segkit.cli import output
from segkit.cli.paths import PATH

if TYPE_CHECKING:
    from segkit.rundir.listing import ListedRun, Score

DEFAULT = "runs"


@click.command()
@click.argument("folders", nargs=-1, type=PATH, metavar="[FOLDER]...")
@output.json_option
def runs(folders: tuple[str, ...], as_json: bool) -> None:
    """List the runs in FOLDER and below (./runs where none is given), the newest first.

    A run directory that cannot be understood is listed with what is wrong with it.
    """
    from segkit.rundir.listing import find_runs

    chosen = [Path(folder) for folder in folders or (DEFAULT,)]
    if not folders and not chosen[0].is_dir():
        found: list[ListedRun] = []
    else:
        found = [run for folder in chosen for run in find_runs(folder)]
    if as_json:
        output.print_json([as_object(run) for run in found])
    elif output.for_people():
        output.print_table(("run", "when", "made of", "score (95 % interval)", "state"), table(found), spare=("when",))
    else:
        for run in found:
            output.print_line(*line(run))
    for run in found:
        if run.state == "broken":
            output.warn(f"{run.folder}: {run.details}")
    if not found:
        output.warn(f"no runs in {', '.join(map(str, chosen))}; make one with: segkit run")


def table(found: list[ListedRun]) -> list[tuple[str, ...]]:
    """Rows for people: a run, and below it what it was scored on besides."""
    rows: list[tuple[str, ...]] = []
    for run in found:
        made_of = ", ".join(value for value in run.components.values() if value)
        made_of += " (generated sample)" if run.generated else ""
        when = f"{run.when:%Y-%m-%d %H:%M}"
        state = f"{run.state}, running now" if run.running else str(run.state)
        state = f"{state}: {run.details}" if run.details and run.state != "broken" else state
        rows.append((str(run.folder), when, made_of, str(run.score or ""), state))
        rows += [(f"  {name}", "", "", str(score or ""), "") for name, score in run.evaluations.items()]
    return rows


def line(run: ListedRun) -> tuple[str, ...]:
    """Cells for a pipe: folder, time, components, metric, mean, interval, cases, split, state, details, missed."""
    numbers = ["", "", "", "", "", ""]
    missed = "" if run.score is None else str(run.score.missed)
    if run.score is not None:
        score = run.score
        values = (score.metric, score.mean, score.low, score.high, score.cases, score.split)
        numbers = ["" if value is None else str(value) for value in values]
    parts = [run.components.get(kind, "") for kind in ("arch", "data", "loss")]
    return str(run.folder), run.when.isoformat(timespec="seconds"), *parts, *numbers, run.state, run.details, missed


def as_object(run: ListedRun) -> dict[str, object]:
    """One entry of the JSON list."""

    def score_object(score: Score | None) -> dict[str, object] | None:
        return None if score is None else dataclasses.asdict(score)

    return {
        "folder": str(run.folder),
        "name": run.name,
        "when": run.when.isoformat(timespec="seconds"),
        "components": dict(run.components),
        "generated_sample": run.generated,
        "state": run.state,
        "details": run.details,
        "running": run.running,
        "score": score_object(run.score),
        "evaluations": {name: score_object(score) for name, score in run.evaluations.items()},
    }
