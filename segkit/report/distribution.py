"""How the scores of single cases are spread, class by class."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from segkit.report import text
from segkit.report.style import PLOT_SIZE, Plot, Theme, new_figure, set_title, shorten
from segkit.rundir.read import CaseRow, RunRecord
from segkit.statistics.failures import with_failures

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 48
ROW_INCHES = 0.42
MISSED_MARK = "x"
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


def distribution_plots(record: RunRecord) -> list[Plot]:
    """Return one plot per metric; none where no case has a finite score."""
    metrics = list(record.cases[0].values) if record.cases else []
    plots = [distribution_plot(record, metric) for metric in metrics]
    return [plot for plot in plots if plot is not None]


def distribution_plot(record: RunRecord, metric: str) -> Plot | None:
    """Return one row of dots per class, a dot a case; None where no case has a finite score."""
    rows: dict[str, list[CaseRow]] = defaultdict(list)
    for row in record.cases:
        if math.isfinite(row.values[metric]):
            rows[row.class_name].append(row)
    if not rows:
        return None
    undrawn = len(record.cases) - sum(map(len, rows.values()))
    note = f" ({undrawn} without a finite value not drawn)" if undrawn else ""
    ranked = {name: rank_values(record, name, metric) for name in rows}

    def draw(theme: Theme) -> Figure:
        height = max(2.5, 1.5 + ROW_INCHES * len(rows))
        figure = new_figure(record, theme, (PLOT_SIZE[0], height), legend_marks(theme))
        axes = figure.add_subplot()
        set_title(figure, f"{metric} of each case" + (" (generated sample)" if record.notice else ""))
        draw_rows(axes, rows, ranked, metric, theme)
        axes.set_xlabel(metric + note)
        return figure

    spread = [describe(name, found, ranked[name], metric) for name, found in rows.items()]
    alt = " ".join([f"{metric} of each case as dots{note}.", *spread])
    return Plot(f"distribution-{metric}", alt, draw)


def rank_values(record: RunRecord, class_name: str, metric: str) -> np.ndarray:
    """Return every case's value of a class but for the undefined ones, those that failed at the worst there is."""
    found = [row for row in record.cases if row.class_name == class_name]
    values = np.array([row.values[metric] for row in found])
    missed = np.array([row.status == "missed" for row in found])
    told = with_failures(values, missed, higher_is_better=record.direction(metric).higher)
    return np.sort(told[~np.isnan(told)])


def quartiles(ranked: np.ndarray) -> tuple[float, float, float]:
    """Return quartiles and median of sorted values; one between a finite and an infinite value is infinite."""

    def at(share: float) -> float:
        place = share * (len(ranked) - 1)
        one, other = float(ranked[math.floor(place)]), float(ranked[math.ceil(place)])
        if math.isinf(one) or not place % 1:
            return one
        return one + place % 1 * (other - one)

    return at(0.25), at(0.5), at(0.75)


def draw_rows(
    axes: Axes, rows: dict[str, list[CaseRow]], ranked: dict[str, np.ndarray], metric: str, theme: Theme
) -> None:
    """Draw the dots of every class with the quartiles of all cases under them; an infinite one ends at the edge.

    Quartiles of the finite values alone would improve with every miss.
    """
    everything = np.array([row.values[metric] for found in rows.values() for row in found])
    edges = bin_edges(everything)
    tallest = max(int(np.histogram([row.values[metric] for row in found], edges)[0].max()) for found in rows.values())
    step = min(0.09, 0.84 / tallest)
    area = 14 if tallest < 20 else 5
    for position, (name, found) in enumerate(rows.items()):
        values = np.array([row.values[metric] for row in found])
        missed = np.array([row.status == "missed" for row in found])
        heights = position + swarm_offsets(values, edges, step)
        low, middle, high = quartiles(ranked[name])
        ends = np.clip([low, high], edges[0], edges[-1])
        axes.fill_betweenx([position - 0.46, position + 0.46], *ends, color=theme.grid, linewidth=0)
        if math.isfinite(middle):
            axes.plot([middle] * 2, [position - 0.46, position + 0.46], color=theme.ink, linewidth=1.6)
        axes.scatter(values[~missed], heights[~missed], s=area, color=theme.series[0], linewidths=0, alpha=0.85)
        axes.scatter(values[missed], heights[missed], s=18, color=theme.series[1], marker=MISSED_MARK, linewidths=1.3)
    axes.set_yticks(range(len(rows)), [shorten(name, 18) for name in rows])
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def legend_marks(theme: Theme) -> list[Artist]:
    """The marks that the legend explains."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Line2D([], [], color=theme.series[0], marker="o", markersize=4, linestyle="none", label="case"),
        Line2D([], [], color=theme.series[1], marker=MISSED_MARK, markersize=5, linestyle="none", label="missed"),
        Line2D([], [], color=theme.ink, label="median"),
        Patch(color=theme.grid, label="middle half"),
    ]


def bin_edges(values: np.ndarray) -> np.ndarray:
    """Return the bins that dots are stacked in: 0 to 1 for scores that lie there, else the range of the values."""
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def swarm_offsets(values: np.ndarray, edges: np.ndarray, step: float) -> np.ndarray:
    """Spread dots of one bin around their row, so that none hides another."""
    bins = np.clip(np.digitize(values, edges) - 1, 0, BINS - 1)
    offsets = np.zeros(len(values))
    for index in np.unique(bins):
        members = np.flatnonzero(bins == index)
        members = members[np.argsort(values[members], kind="stable")]
        # Neighbours in value are put far apart (golden-ratio order), so that a full bin shows no stripes.
        places = np.argsort(np.argsort(np.arange(1, len(members) + 1) * GOLDEN_RATIO % 1))
        offsets[members] = (places - (len(members) - 1) / 2) * step
    return offsets


def describe(class_name: str, rows: Sequence[CaseRow], ranked: np.ndarray, metric: str) -> str:
    """Say in words how one class's scores are spread."""
    values = [row.values[metric] for row in rows]
    low, median, high = (text.number(value) for value in (min(values), quartiles(ranked)[1], max(values)))
    return f"{class_name}: {len(values)} cases from {low} to {high}, median {median}."
