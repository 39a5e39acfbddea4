"""Reliability diagrams: how often the network is right by how sure it says it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from segkit.report.style import Plot, Theme, new_plot, shorten
from segkit.report.text import number
from segkit.rundir.read import RunRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 6
"""Rows that a diagram draws: more lines are not told apart."""


def reliability_plots(record: RunRecord) -> list[Plot]:
    """Return a diagram for each metric that added up bins; none where no metric looked at probabilities."""
    return [reliability_plot(record, found) for found in record.summary.get("reliability") or ()]


def reliability_plot(record: RunRecord, found: Mapping[str, Any]) -> Plot:
    """Draw share of right pixels over mean confidence, dots by their number of pixels, and the diagonal."""
    rows = found["rows"][:SHOWN]

    def draw(theme: Theme) -> Figure:
        figure, axes = new_plot(record, f"Reliability ({found['metric']})", theme)
        axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=1, linestyle="dashed", label="right as often as it says")
        for place, row in enumerate(rows):
            colour = theme.series[place % len(theme.series)]
            share = np.array(row["pixels"]) / max(sum(row["pixels"]), 1)
            axes.plot(row["confidence"], row["right"], color=colour, label=shorten(row["of"], 24))
            axes.scatter(row["confidence"], row["right"], s=8 + 120 * np.sqrt(share), color=colour, linewidths=0)
        axes.set_xlabel("probability that it gives")
        axes.set_ylabel("share that is right")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.legend()
        return figure

    left = len(found["rows"]) - len(rows)
    more = f" {left} more are not drawn." if left else ""
    return Plot(f"reliability-{found['metric']}", " ".join(map(describe, rows)) + more, draw)


def describe(row: Mapping[str, Any]) -> str:
    """Say in words where one row is farthest off, of bins that hold a hundredth of the pixels."""
    pixels, sure, right = (np.array(row[name], np.float64) for name in ("pixels", "confidence", "right"))
    large = np.flatnonzero(pixels >= 0.01 * pixels.sum())
    worst = large[np.abs(right - sure)[large].argmax()]
    return f"{row['of']}: where it says {number(sure[worst])}, {number(right[worst])} are right."
