"""How training went: loss by term, validation metrics and learning rate over the epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segkit.report import text
from segkit.report.style import DASHES, Plot, Theme, new_plot
from segkit.rundir.read import RunRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Series = Mapping[str, Sequence[tuple[int, float]]]
"""Lines by label: (epoch, value) where there is one."""


def curve_plots(record: RunRecord) -> list[Plot]:
    """Return the plots of a training history; none where nothing was trained."""
    history = record.history
    losses = collect(history, loss_values)
    metrics = collect(history, lambda entry: {key: value for key, value in validation(entry).items() if key != "loss"})
    metrics = {failures_label(history, name): points for name, points in metrics.items()}
    rates = collect(history, lambda entry: {"learning rate": entry.get("learning_rate")})
    plots = [
        line_plot(record, "loss", "Loss", losses),
        line_plot(record, "validation", f"Validation during training{cases_text(history)}", metrics),
        line_plot(record, "learning-rate", "Learning rate", rates),
    ]
    return [plot for plot in plots if plot is not None]


def loss_values(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The losses of one epoch by label: the sum, its terms where it has several, and the validation loss."""
    terms = entry.get("terms") or {}
    values = {"train": entry.get("loss")}
    if len(terms) > 1:
        values |= {f"train: {name}": value for name, value in terms.items()}
    return values | {"validation": validation(entry).get("loss")}


def validation(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was measured on the validation split after one epoch."""
    return entry.get("val") or {}


def cases_text(history: Sequence[Mapping[str, Any]]) -> str:
    """Say on how many cases the curves stand, such as " on 20 of 52 cases"; "" where the history does not tell."""
    told = next((entry["val_cases"] for entry in history if entry.get("val_cases")), None)
    if not told:
        return ""
    scored, total = told["scored"], told["of"]
    return f" on {scored} of {total} cases" if scored != total else f" on {text.plural(total, 'case')}"


def failures_label(history: Sequence[Mapping[str, Any]], name: str) -> str:
    """Return a curve's label; where values failed it is of the finite ones, and says how many those were in the end."""
    counts = [entry["val_counts"][name] for entry in history if name in entry.get("val_counts", {})]
    if not any(count["failed"] for count in counts):
        return name
    last = counts[-1]
    return f"{name}, finite only: {last['failed']} of {last['n'] + last['failed']} failed in the end"


def collect(history: Sequence[Mapping[str, Any]], values_of: Any) -> dict[str, list[tuple[int, float]]]:
    """Gather finite values by label over the epochs."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for entry in history:
        for label, value in values_of(entry).items():
            if isinstance(value, (int, float)) and math.isfinite(value):
                lines.setdefault(label, []).append((int(entry["epoch"]), float(value)))
    return lines


def line_plot(record: RunRecord, name: str, title: str, lines: Series) -> Plot | None:
    """Return a plot of values over epochs, or None where there are none."""
    if not lines:
        return None

    def draw(theme: Theme) -> Figure:
        from matplotlib.ticker import MaxNLocator

        figure, axes = new_plot(record, title, theme)
        for index, (label, points) in enumerate(lines.items()):
            epochs, values = zip(*points, strict=True)
            axes.plot(
                epochs,
                values,
                label=label,
                color=theme.series[index % len(theme.series)],
                linestyle=DASHES[index % len(DASHES)],
                marker="o" if len(points) < 3 else None,
            )
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.02)
        drawn = [epoch for points in lines.values() for epoch, _ in points]
        if min(drawn) == max(drawn):
            # Around a single epoch the axis would show thousandths of one.
            axes.set_xlim(min(drawn) - 1, max(drawn) + 1)
        if name == "learning-rate":
            axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        else:
            axes.legend()
        return figure

    alt = " ".join([f"{title} by epoch.", *(describe(label, points) for label, points in lines.items())])
    return Plot(name, alt, draw)


def describe(label: str, points: Sequence[tuple[int, float]]) -> str:
    """Say in words where a line starts and ends."""
    (first, start), (last, end) = points[0], points[-1]
    if first == last:
        return f"{label}: {text.number(start)} in epoch {first}."
    return f"{label}: {text.number(start)} in epoch {first}, {text.number(end)} in epoch {last}."
