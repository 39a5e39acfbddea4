"""The figures of a comparison: scores, paired differences, cases of two models against each other, ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segkit.jobs.compare.analysis import Analysis, ModelScore, PairScore
from segkit.report import text
from segkit.report.style import PLOT_SIZE, Plot, Theme, new_figure, new_plot, set_title, shorten
from segkit.statistics import Summary

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_INCHES = 0.36
FRAME_INCHES = 1.35
LABEL_LENGTH = 22
SCATTERS = 6
"""Most models that the best one is drawn against."""


@dataclass(frozen=True)
class Heading:
    """Name and notice that every figure carries."""

    name: str
    notice: str

    def title(self, content: str) -> str:
        """A figure's title, marked where the data are generated."""
        return f"{content} (generated sample)" if self.notice else content


def comparison_plots(analysis: Analysis, heading: Heading) -> dict[str, list[Plot]]:
    """Return the figures by the part of the page they belong to."""
    best, others = analysis.order[0], analysis.order[1 : 1 + SCATTERS]
    return {
        "scores": [scores_plot(analysis, heading)],
        "differences": [differences_plot(analysis, heading)],
        "ranks": [ranks_plot(analysis, heading)],
        "scatter": [scatter_plot(analysis, heading, best, other) for other in others],
    }


def rows_figure(heading: Heading, title: str, labels: Sequence[str], theme: Theme, legend: Sequence[Artist]) -> Figure:
    """Return a figure of one named row per label, the first on top; labels may have two lines."""
    height = FRAME_INCHES + ROW_INCHES * len(labels)
    figure = new_figure(heading, theme, (PLOT_SIZE[0], height), legend)
    set_title(figure, heading.title(title))
    axes = figure.add_subplot()
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def draw_interval(axes: Axes, row: int, summary: Summary, colour: str) -> None:
    """Draw a mean as a dot and the interval around it, as far as they are defined."""
    if summary.ci_low is not None and summary.ci_high is not None:
        axes.plot([summary.ci_low, summary.ci_high], [row, row], color=colour, linewidth=2.2, solid_capstyle="round")
    if summary.mean is not None:
        axes.plot([summary.mean], [row], color=colour, marker="o", markersize=6.5)


def scores_plot(analysis: Analysis, heading: Heading) -> Plot:
    """Return every model's mean with its interval, and the mean of each seed."""
    metric = analysis.main_metric
    rows = [analysis.score(model, metric, analysis.overall) for model in analysis.order]
    several = any(len(row.seed_means) > 1 for row in rows)

    def draw(theme: Theme) -> Figure:
        from matplotlib.lines import Line2D

        marks: list[Artist] = [
            Line2D([], [], color=theme.series[0], marker="o", markersize=5, label="mean, 95 % interval")
        ]
        look = {"color": theme.ink, "marker": "|", "markersize": 9, "linestyle": "none"}
        if several:
            marks.append(Line2D([], [], label="one seed", **look))  # type: ignore[arg-type]
        figure = rows_figure(heading, f"Mean {metric}", labels_of(analysis, rows), theme, marks)
        axes = figure.axes[0]
        for place, row in enumerate(rows):
            draw_interval(axes, place, row.summary, theme.series[0])
            for mean in row.seed_means if several else ():
                if mean is not None:
                    axes.plot([mean], [place], **look)  # type: ignore[arg-type]
        axes.set_xlabel(metric)
        return figure

    said = [
        f"{analysis.models[row.model].label}: {text.number(row.summary.mean)}, "
        f"{text.interval(row.summary.ci_low, row.summary.ci_high)}."
        for row in rows
    ]
    return Plot("scores", " ".join([f"Mean {metric} of each model with its 95 % interval, by rank.", *said]), draw)


def labels_of(analysis: Analysis, rows: Sequence[ModelScore]) -> list[str]:
    """The models' labels, as long as there is room for."""
    return [shorten(analysis.models[row.model].label, LABEL_LENGTH) for row in rows]


def differences_plot(analysis: Analysis, heading: Heading) -> Plot:
    """Return the mean difference of every pair with its interval."""
    pairs = analysis.main_pairs()

    def pair_label(pair: PairScore, length: int = 200, between: str = " − ") -> str:
        return between.join(shorten(analysis.models[model].label, length) for model in (pair.first, pair.second))

    def draw(theme: Theme) -> Figure:
        from matplotlib.lines import Line2D

        marks: list[Artist] = [
            Line2D([], [], color=theme.series[0], marker="o", markersize=5, label="sure"),
            Line2D([], [], color=theme.muted, marker="o", markersize=5, label="not sure"),
        ]
        title = f"Difference in {analysis.main_metric}"
        labels = [pair_label(pair, LABEL_LENGTH, "\n− ") for pair in pairs]
        figure = rows_figure(heading, title, labels, theme, marks)
        axes = figure.axes[0]
        axes.axvline(0, color=theme.ink, linewidth=1)
        for place, pair in enumerate(pairs):
            colour = theme.series[0] if pair.verdict in ("first", "second") else theme.muted
            draw_interval(axes, place, pair.paired.difference, colour)
        axes.set_xlabel(f"difference in {analysis.main_metric}, 95 % interval")
        return figure

    said = [
        f"{pair_label(pair)}: {text.signed(pair.paired.difference.mean)}, "
        f"{text.signed_interval(pair.paired.difference.ci_low, pair.paired.difference.ci_high)}."
        for pair in pairs
    ]
    return Plot("differences", " ".join(["Mean paired differences with 95 % intervals.", *said]), draw)


def ranks_plot(analysis: Analysis, heading: Heading) -> Plot:
    """Return how often each model has each rank when cases are drawn anew."""
    shares = analysis.stability.shares[list(analysis.order)]
    labels = [shorten(analysis.models[model].label, LABEL_LENGTH) for model in analysis.order]

    def draw(theme: Theme) -> Figure:
        from matplotlib.patches import Patch

        colours = [theme.series[place % len(theme.series)] for place in range(len(labels))]
        marks = [Patch(color=colours[place], label=f"rank {place + 1}") for place in range(min(len(labels), 5))]
        figure = rows_figure(heading, "Ranks when cases are redrawn", labels, theme, marks)
        axes = figure.axes[0]
        left = np.zeros(len(labels))
        for place in range(len(labels)):
            bars = axes.barh(range(len(labels)), 100 * shares[:, place], left=100 * left, color=colours[place])
            written = [f"{100 * share:.0f} %" if share >= 0.12 else "" for share in shares[:, place]]
            axes.bar_label(bars, written, label_type="center", color=theme.surface, fontsize=8.5, weight="bold")
            left += shares[:, place]
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of the resamples")
        return figure

    said = [
        f"{label}: " + ", ".join(f"rank {place + 1} in {100 * share:.0f} %" for place, share in enumerate(row) if share)
        for label, row in zip(labels, shares, strict=True)
    ]
    return Plot("ranks", ". ".join(["Ranks under the bootstrap", *said]) + ".", draw)


def scatter_plot(analysis: Analysis, heading: Heading, first: int, second: int) -> Plot:
    """Return every case as a dot: one model's score against another's."""
    x, y = analysis.case_scores[second], analysis.case_scores[first]
    here, there = analysis.models[second].label, analysis.models[first].label
    drawn = np.isfinite(x) & np.isfinite(y)
    undrawn = int(len(x) - drawn.sum())
    x, y = x[drawn], y[drawn]
    metric = analysis.main_metric

    def draw(theme: Theme) -> Figure:
        figure, axes = new_plot(heading, f"{metric} of each case", theme)
        low, high = axis_range(np.concatenate([x, y]))
        axes.plot([low, high], [low, high], color=theme.muted, linewidth=1)
        axes.scatter(x, y, s=14, color=theme.series[0], linewidths=0, alpha=0.75)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        note = f" ({undrawn} without a finite value not drawn)" if undrawn else ""
        axes.set_xlabel(shorten(here, 30) + note)
        axes.set_ylabel(shorten(there, 30))
        return figure

    alt = (
        f"{metric} of each case, {there} upwards, {here} to the right: {int((y > x).sum())} cases above the diagonal, "
        f"{int((y < x).sum())} below, {int((y == x).sum())} on it."
    )
    return Plot(f"scatter-{first}-{second}", alt, draw)


def axis_range(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of an axis: 0 to 1 for scores that lie there and spread, else the values with a margin."""
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 0.5
    if low >= 0 and high <= 1:
        return max(0.0, low - margin) if low > 0.5 else 0.0, 1.0 if high > 0.5 else high + margin
    return low - margin, high + margin
