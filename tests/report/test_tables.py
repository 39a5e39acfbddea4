import csv
import io
import json

import pytest
from rich.console import Console

from segkit.report.tables import print_scores, readable, table_rows


def summary_of(run_folder):
    return json.loads((run_folder / "summary.json").read_text(encoding="utf-8"))


def test_pipe_gets_full_numbers(run_folder):
    """Outside a terminal the tab-separated lines hold exactly the summary's numbers."""
    summary = summary_of(run_folder)
    stream = io.StringIO()
    print_scores(summary, Console(file=stream, width=40))
    rows = list(csv.DictReader(stream.getvalue().splitlines(), delimiter="\t"))
    assert len(rows) == len(summary["scores"]) == 2
    for row, score in zip(rows, summary["scores"], strict=True):
        assert row["metric"] == score["name"]
        assert row["class"] == "lesion"
        for name in ("mean", "median", "ci_low", "ci_high"):
            assert float(row[name]) == score[name]
        assert [int(row[name]) for name in ("n", "missed", "spurious", "empty")] == [30, 1, 0, 0]


def test_hostile_names_keep_the_lines_whole(run_folder):
    """Tabs and line ends in a name do not shift the columns; square brackets are no markup."""
    summary = summary_of(run_folder)
    summary["scores"][0] |= {"name": "a\tb\nc [red]d", "mean": None}
    stream = io.StringIO()
    print_scores(summary, Console(file=stream))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[1].split("\t")[:3] == ["a b c [red]d", "lesion", ""]


def test_terminal_shows_score_interval_and_note(run_folder):
    """The table on a terminal shows the rounded mean, its interval and why it is too narrow."""
    summary = summary_of(run_folder)
    summary["scores"][0] |= {
        "class": "[bold]x",
        "mean": 0.61251,
        "ci_low": 0.5,
        "ci_high": 0.75,
        "note": "n < 30 [sic]",
    }
    stream = io.StringIO()
    print_scores(summary, Console(file=stream, force_terminal=True, width=140, color_system=None))
    shown = stream.getvalue()
    for expected in ("0.613", "0.500 to 0.750", "[bold]x", "note: n < 30 [sic]", summary["scores"][0]["name"]):
        assert expected in shown


def test_lengths_of_slides_are_shown_in_micrometres(run_folder):
    """A metric whose means are all below a tenth of a millimetre is read in micrometres; one with a longer is not."""
    summary = summary_of(run_folder)
    for row, mean, low in zip(summary["scores"], (0.0467, 0.02), (None, 0.01), strict=True):
        row |= {"metric": "hd95", "unit": "mm", "mean": mean, "median": mean, "ci_low": low, "ci_high": low}
    shown = readable(table_rows(summary))
    assert {row.unit for row in shown} == {"\u00b5m"}
    assert [row.mean for row in shown] == pytest.approx([46.7, 20])
    assert [row.ci_low for row in shown] == [None, pytest.approx(10)]
    summary["scores"][0]["mean"] = 0.3
    assert [row.unit for row in readable(table_rows(summary))] == ["mm", "mm"]
    stream = io.StringIO()
    print_scores(summary, Console(file=stream))
    assert "\t0.02\t" in stream.getvalue(), "a pipe gets the summary's numbers"


def test_score_rows_follow_the_summary(run_folder):
    """Every row of the summary becomes one row with its counts."""
    summary = summary_of(run_folder)
    rows = table_rows(summary)
    assert [(row.metric, row.mean, row.n_cases, row.missed) for row in rows] == [
        (score["metric"], score["mean"], score["n_cases"], score["n_missed"]) for score in summary["scores"]
    ]


def test_a_second_aggregation_is_told_apart(run_folder):
    """Rows of another aggregation than the main one say so beside the metric's name."""
    summary = summary_of(run_folder)
    first = summary["scores"][0]
    summary["scores"] = [first | {"aggregation": "case_mean"}, first | {"aggregation": "pooled"}]
    assert [row.metric for row in table_rows(summary)] == [first["metric"], f"{first['metric']} pooled"]
