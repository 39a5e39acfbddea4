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


def shown_at_80(summary):
    """What is printed on a terminal of 80 columns, line by line."""
    stream = io.StringIO()
    print_scores(summary, Console(file=stream, force_terminal=True, width=80, color_system=None))
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80
    return lines


def test_several_readers_are_one_table(run_folder):
    """A row for each, last what they reach with each other; conventions that stand above are not said again."""
    summary = summary_of(run_folder)
    main = summary["scores"][:1]
    own = [{**main[0], "mean": mean} for mean in (0.5, 0.6, 0.9)]
    summary["readers"] = {
        "metric": "dice",
        "cases": 30,
        "against": {"[r1]": own[:1], "r2": own[1:2]},
        "agreement": own[2:],
    }
    lines = shown_at_80(summary)
    assert lines.count(main[0]["name"]) == 1
    start = next(place for place, line in enumerate(lines) if line.startswith("dice against"))
    assert "30 cases drawn by several readers" in " ".join(lines[:start])
    for name, mean in (("[r1]", "0.500"), ("r2", "0.600"), ("each other", "0.900")):
        [row] = [line for line in lines[start:] if line.startswith(name)]
        assert mean in row


def test_datasets_say_no_class_twice_and_what_nobody_looked_for_is_told(run_folder):
    """Of a dataset with one class there is no row of all; the main table says why n is smaller."""
    summary = summary_of(run_folder)
    row = summary["scores"][0]
    alone = [{**row, "class": "liver"}, {**row, "class": "all classes"}]
    several = [{**row, "class": "liver"}, {**row, "class": "spleen"}, {**row, "class": "all classes"}]
    summary["scores"] = [
        {**row, "class": "liver"},
        {**row, "class": "spleen", "n_unannotated": 12},
        {**row, "class": "all classes", "n_unannotated": 12},
    ]
    summary["datasets"] = {"one": alone, "both": several, "none": []}
    lines = shown_at_80(summary)
    one, both, none = (lines.index(title) for title in ("dataset one", "dataset both", "dataset none: no scored case"))
    assert one < both < none
    assert not any("all classes" in line for line in lines[one:both])
    assert any("all classes" in line for line in lines[both:none])
    assert "not annotated, and not counted: spleen in 12 of the scored cases" in lines
    assert lines.count(row["name"]) == 1
