import csv

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segkit.report.distribution import BINS, bin_edges, distribution_plots, quartiles, swarm_offsets
from segkit.report.style import LIGHT
from segkit.rundir.read import read_record


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_no_dot_hides_another(values):
    """Dots of one bin stand at different heights, centred on their row."""
    values = np.array(values)
    edges = bin_edges(values)
    offsets = swarm_offsets(values, edges, 0.1)
    bins = np.clip(np.digitize(values, edges) - 1, 0, BINS - 1)
    for index in np.unique(bins):
        inside = np.sort(offsets[bins == index])
        assert abs(inside.sum()) < 1e-9
        assert len(inside) == 1 or np.diff(inside).min() > 0.09


def test_scores_are_drawn_from_zero_to_one():
    """Scores share one axis; distances get the range that they have."""
    assert bin_edges(np.array([0.4, 0.6]))[[0, -1]].tolist() == [0, 1]
    assert bin_edges(np.array([2.0, 30.0]))[[0, -1]].tolist() == [2, 30]


def test_what_is_not_drawn_is_counted(tmp_path, run_writer):
    """Undefined and infinite scores are not drawn, and the plot says how many there were."""
    folder = run_writer(tmp_path / "run")
    lines = (folder / "cases.csv").read_text(encoding="utf-8").splitlines()
    lines[1:3] = ["a,,lesion,0,0,empty,nan,nan", "b,,lesion,1,0,missed,inf,0.0"]
    (folder / "cases.csv").write_text("\n".join(lines), encoding="utf-8")
    dice, iou = distribution_plots(read_record(folder))
    assert "2 without a finite value not drawn" in dice.alt
    assert "28 cases" in dice.alt
    assert "1 without a finite value not drawn" in iou.alt
    assert dice.png(LIGHT) == dice.png(LIGHT)


def test_nothing_scored_has_no_plot(tmp_path, run_writer):
    """Without cases there is nothing to draw."""
    folder = run_writer(tmp_path / "run")
    (folder / "cases.csv").unlink()
    assert distribution_plots(read_record(folder)) == []


def test_quartiles_are_of_all_cases(tmp_path, run_writer):
    """A median among misses is infinite, as the score table says; of finite values quartiles are numpy's."""
    values = np.sort(np.random.default_rng(0).random(17))
    np.testing.assert_allclose(quartiles(values), np.quantile(values, [0.25, 0.5, 0.75]))
    assert quartiles(np.array([1.0, 2.0, np.inf, np.inf])) == (1.75, np.inf, np.inf)
    assert quartiles(np.array([-np.inf, 2.0, 3.0])) == (-np.inf, 2.0, 2.5)
    folder = run_writer(tmp_path / "run")
    rows = list(csv.reader((folder / "cases.csv").open(newline="")))
    column = rows[0].index("dice")
    for row in rows[1:-5]:
        row[5], row[column] = "missed", "nan"
    with (folder / "cases.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    plot = next(plot for plot in distribution_plots(read_record(folder)) if plot.name == "distribution-dice")
    assert "5 cases from" in plot.alt
    assert "median −∞" in plot.alt
    plot.png(LIGHT)
