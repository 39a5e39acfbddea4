"""The figures of a comparison show the numbers that its tables have."""

from __future__ import annotations

import math

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from segkit.jobs.compare.analysis import analyse
from segkit.jobs.compare.models import gather, group_runs
from segkit.jobs.compare.plots import (
    Heading,
    axis_range,
    comparison_plots,
    differences_plot,
    ranks_plot,
    scatter_plot,
    scores_plot,
)
from segkit.jobs.compare.runs import read_runs
from segkit.report.style import LIGHT

HEADING = Heading("test", "")


@pytest.fixture
def analysis(runs, make_masks):
    """Two models of two seeds each, the second off by more pixels."""
    masks = make_masks(40)
    shifts = {"good": (0, 1), "bad": (3, 4)}
    folders = [
        runs(
            f"{name}-{seed}",
            {case: (reference, np.roll(prediction, by, 0)) for case, (reference, prediction) in masks.items()},
            config={"run.seed": seed, "run.name": name, "train.epochs": number},
        )
        for number, (name, offsets) in enumerate(shifts.items(), start=1)
        for seed, by in enumerate(offsets)
    ]
    models = group_runs(read_runs(folders))
    return analyse(models, gather(models, ["overlap"]))


@pytest.fixture(autouse=True)
def no_window():
    """Draw in memory, and forget it."""
    matplotlib.use("Agg")
    yield
    plt.close("all")


def drawn(plot):
    """The axes of a plot."""
    return plot.draw(LIGHT).axes[0]


def lines_at(axes, row):
    """The x values of what is drawn in a row."""
    return [list(line.get_xdata()) for line in axes.lines if set(line.get_ydata()) == {row}]


def test_means_and_seeds_are_where_the_table_says(analysis):
    """The best on top; an interval, its mean and a mark for each seed."""
    axes = drawn(scores_plot(analysis, HEADING))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["good", "bad"]
    assert axes.get_ylim() == (1.5, -0.5)
    assert axes.get_xlabel() == "overlap"
    for row, model in enumerate(analysis.order):
        score = analysis.score(model, "overlap", analysis.overall)
        interval, mean, *seeds = lines_at(axes, row)
        assert (interval, mean) == ([score.summary.ci_low, score.summary.ci_high], [score.summary.mean])
        assert seeds == [[value] for value in score.seed_means]
    legend = axes.figure.legends[0] if axes.figure.legends else axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["mean, 95 % interval", "one seed"]


def test_differences_lie_about_nothing(analysis):
    """A line at 0; the interval and the mean of each pair, in the colour of what is sure."""
    axes = drawn(differences_plot(analysis, HEADING))
    (pair,) = analysis.main_pairs()
    assert pair.verdict == "first"
    zero, interval, mean = axes.lines
    assert list(zero.get_xdata()) == [0, 0]
    found = pair.paired.difference
    assert (list(interval.get_xdata()), list(mean.get_xdata())) == ([found.ci_low, found.ci_high], [found.mean])
    assert interval.get_color() == mean.get_color() == LIGHT.series[0]
    assert axes.get_xlabel() == "difference in overlap, 95 % interval"


def test_ranks_fill_a_hundred(analysis):
    """A bar for each rank, one beside the other, with its share written where there is room."""
    axes = drawn(ranks_plot(analysis, HEADING))
    widths = np.array([bar.get_width() for bar in axes.patches]).reshape(2, 2)
    np.testing.assert_allclose(widths, 100 * analysis.stability.shares[list(analysis.order)].T)
    np.testing.assert_allclose(widths.sum(axis=0), 100)
    starts = np.array([bar.get_x() for bar in axes.patches]).reshape(2, 2)
    np.testing.assert_allclose(starts, [[0, 0], widths[0]])
    assert axes.get_xlim() == (0, 100)
    assert axes.get_xlabel() == "% of the resamples"
    assert {text.get_text() for text in axes.texts} <= {"", *(f"{width:.0f} %" for width in widths.ravel())}
    assert "100 %" in {text.get_text() for text in axes.texts}


def test_cases_lie_above_and_below_the_diagonal(analysis):
    """A dot for each case with two finite scores; the words count them as they lie, and say how many are missing."""
    first, second = analysis.order
    plot = scatter_plot(analysis, HEADING, first, second)
    axes = drawn(plot)
    dots = axes.collections[0].get_offsets()
    x, y = analysis.case_scores[second], analysis.case_scores[first]
    np.testing.assert_allclose(dots, np.column_stack([x, y]))
    assert f"{int((y > x).sum())} cases above the diagonal, {int((y < x).sum())} below" in plot.alt
    assert axes.get_xlim() == axes.get_ylim()
    diagonal = axes.lines[0]
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == list(axes.get_xlim())
    assert axes.get_aspect() == 1
    analysis.case_scores[first][3] = math.inf
    holed = drawn(scatter_plot(analysis, HEADING, first, second))
    assert len(holed.collections[0].get_offsets()) == len(x) - 1
    assert holed.get_xlabel() == "bad (1 without a finite value not drawn)"


def test_the_best_is_set_against_each_other_model(analysis):
    """By the part of the page."""
    plots = comparison_plots(analysis, HEADING)
    assert {part: len(listed) for part, listed in plots.items()} == {
        "scores": 1, "differences": 1, "ranks": 1, "scatter": 1,
    }  # fmt: skip
    assert plots["scatter"][0].name == f"scatter-{analysis.order[0]}-{analysis.order[1]}"
    assert HEADING.title("Mean") == "Mean"
    assert Heading("test", "generated").title("Mean") == "Mean (generated sample)"


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([], (0.0, 1.0)),
        ([0.2, 0.7], (0.0, 1.0)),
        ([0.6, 0.7], (0.596, 1.0)),
        ([0.1, 0.4], (0.0, 0.412)),
        ([0.5, 0.5], (0.0, 1.0)),
        ([0.9, 0.9], (0.4, 1.0)),
        ([-0.1, 0.4], (-0.12, 0.42)),
        ([0.5, 1.5], (0.46, 1.54)),
        ([7.0, 7.0], (6.5, 7.5)),
    ],
)
def test_the_ends_of_an_axis(values, ends):
    """Scores between 0 and 1 are shown there, as far as they spread; others with a margin."""
    assert axis_range(np.array(values)) == pytest.approx(ends)
