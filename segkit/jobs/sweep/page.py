"""The page of a sweep, its figures and its tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segkit.contracts import SearchedSetting, Trial
from segkit.files import write_json, write_table, write_text
from segkit.jobs.sweep.importance import importance
from segkit.jobs.sweep.study import FINISHED, PRUNED
from segkit.jobs.sweep.sweep import COMPARISON, SweepResult, space_text
from segkit.report.figures import figures_of
from segkit.report.html import page_environment
from segkit.report.style import Plot, Theme, new_plot
from segkit.report.writer import draw_plot
from segkit.rundir.names import REPORT
from segkit.rundir.privacy import without_paths
from segkit.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULT = "sweep.json"
TABLE = "trials.csv"


@dataclass(frozen=True)
class Heading:
    """Name and notice that every figure carries."""

    name: str
    notice: str


def write_sweep(result: SweepResult, name: str) -> dict[str, Any]:
    """Write trials.csv, sweep.json, the figures and report.html; returns what the JSON holds."""
    weights = {setting.name: importance(setting, result.ranked) for setting in result.space}
    heading = Heading(name, str(result.comparison.record["notice"]) if result.comparison else "")
    settings = [setting.name for setting in result.space]
    rows = ([t.number, t.state, t.score, *(t.values[s] for s in settings), t.reason] for t in result.trials)
    write_table(result.folder / TABLE, ("trial", "state", "score", *settings, "reason"), rows)
    record = record_of(result, name, weights)
    write_json(result.folder / RESULT, record)
    with figures_of(result.folder) as figures:
        slices = [draw_plot(slice_plot(result, setting, heading), figures) for setting in result.space]
        bars = (
            [draw_plot(importance_plot(weights, heading), figures)]
            if any(v is not None for v in weights.values())
            else []
        )
    context = {
        "heading": heading,
        "record": record,
        "headline": headline(result),
        "caution": caution(result),
        "result": result,
        "settings": settings,
        "default": result.base.config.flat(),
        "slices": slices,
        "bars": bars,
        "comparison": f"{COMPARISON}/{REPORT}",
        "version": __version__,
    }
    page = page_environment().get_template("sweep.html.j2").render(context)
    write_text(result.folder / REPORT, page)
    return record


def record_of(result: SweepResult, name: str, weights: dict[str, float | None]) -> dict[str, Any]:
    """What sweep.json holds."""
    best = result.ranked[0] if result.ranked else None
    compared = result.comparison.record if result.comparison else None
    return {
        "format": 1,
        "segkit": __version__,
        "name": name,
        "searcher": result.searcher,
        "space": space_text(result.space),
        "chosen_by": f"val/{result.figure}",
        "higher_is_better": result.higher,
        "trials": len(result.trials),
        "states": dict(sorted(Counter(trial.state for trial in result.trials).items())),
        "winner": None if best is None else {"trial": best.number, "score": best.score, "values": dict(best.values)},
        "default": {setting.name: result.base.config.flat()[setting.name] for setting in result.space},
        "importance": weights,
        "headline": headline(result),
        "caution": caution(result),
        "comparison": None if compared is None else compared["headline"],
        "differences": [] if compared is None else [row["sentence"] for row in compared["differences"]][:1],
        "failed": {run: str(without_paths(reason)) for run, reason in (result.failed or {}).items()},
    }


def headline(result: SweepResult) -> str:
    """What the sweep found, in one sentence."""
    if not result.ranked:
        return f"None of {len(result.trials)} trials has a score."
    best = result.ranked[0]
    values = ", ".join(f"{name}={value}" for name, value in best.values.items())
    return (
        f"Best of {len(result.trials)} trials on the validation split: {values} (val/{result.figure} {best.score:.4f})."
    )


def caution(result: SweepResult) -> str:
    """Why the best trial's score is no result, and what is."""
    return (
        f"The winner is the best of {len(result.trials)} trials by the very score it was chosen by, which flatters it. "
        "What it gains is the paired difference to the default on the test split, over other seeds."
    )


def slice_plot(result: SweepResult, setting: SearchedSetting, heading: Heading) -> Plot:
    """Return the scores of all trials over the values of one setting."""

    def draw(theme: Theme) -> Figure:
        figure, axes = new_plot(heading, f"{result.figure} by {setting.name}", theme)
        for state, look in ((FINISHED, {}), (PRUNED, {"facecolors": "none"})):
            shown = [trial for trial in result.trials if trial.state == state and trial.score is not None]
            if shown:
                axes.scatter(
                    [place_of(setting, trial) for trial in shown],
                    [trial.score or 0.0 for trial in shown],
                    s=30,
                    edgecolors=theme.series[0],
                    label=state,
                    **{"facecolors": theme.series[0], **look},  # type: ignore[arg-type]
                )
        if setting.choices:
            axes.set_xticks(range(len(setting.choices)), list(setting.choices))
        elif setting.log:
            axes.set_xscale("log")
        axes.set_xlabel(setting.name)
        axes.set_ylabel(f"val/{result.figure}")
        if any(trial.state == PRUNED for trial in result.trials):
            axes.legend()
        return figure

    return Plot(f"slice-{setting.name}", f"val/{result.figure} of every trial over its {setting.name}", draw)


def place_of(setting: SearchedSetting, trial: Trial) -> float:
    """Where a trial's value stands on an axis."""
    value = trial.values[setting.name]
    return setting.choices.index(value) if setting.choices else float(value)


def importance_plot(weights: dict[str, float | None], heading: Heading) -> Plot:
    """Return a bar per setting."""
    known = sorted(((name, value) for name, value in weights.items() if value is not None), key=lambda pair: pair[1])

    def draw(theme: Theme) -> Figure:
        figure, axes = new_plot(heading, "Share of the trials' ranks that each setting explains", theme)
        axes.barh([name for name, _ in known], [value for _, value in known], color=theme.series[0])
        axes.set_xlim(0, 1)
        axes.set_xlabel("epsilon squared")
        return figure

    told = ", ".join(f"{name} {value:.2f}" for name, value in reversed(known))
    return Plot("importance", f"share of the spread of ranks that each setting explains alone: {told}", draw)
