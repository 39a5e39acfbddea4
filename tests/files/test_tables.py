"""Tables that no spreadsheet runs, and that give back what was written."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segkit.files import from_cell, read_rows, to_cell, write_table
from segkit.rundir.read import read_cases

RUN = "=+-@＝＋－＠"
TEXT = st.text(st.sampled_from("=+-@;,\t\r\n '\"1.5aé＝|"), max_size=12)


def is_number(text: str) -> bool:
    """Whether a spreadsheet reads a cell as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


@given(TEXT)
@example('=HYPERLINK("http://x","y")')
@example("a;=cmd|' /C calc'!A0")
@example("'quoted'")
@example("-0.5")
def test_text_comes_back(text):
    """Whatever a case is called, its cell gives the name back."""
    assert from_cell(to_cell(text)) == text


@given(TEXT, TEXT)
@example("-1", "")
@example("", "\r-1")
def test_nothing_is_run(case, name):
    """Read with commas, semicolons or tabs between cells, no cell is a formula.

    Where commas separate none, a row whose first cell is a number begins with that number and a comma: no formula.
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow([to_cell(case), to_cell(name), "ok"])
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(stream.getvalue(), newline=""), delimiter=delimiter):
            for cell in row:
                run = cell.lstrip(" \t\r\n").startswith(tuple(RUN))
                first = cell if delimiter == "," else cell.partition(",")[0]
                words = first.strip(' "').split(" ")
                assert not run or all(map(is_number, words)), cell


@pytest.mark.parametrize("text", ["lesion", "ISIC_0000001", "-0.5", "+3", "1e-5", "-inf", "-0.1 0.2", "", "a-b", "x=1"])
def test_ordinary_cells_stay(text):
    """Names and numbers are written as they are."""
    assert to_cell(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=1+1", "'=1+1"), ("-x", "'-x"), ("@SUM(A1)", "'@SUM(A1)"), (" =1", "' =1"), ("'a", "''a"), ("a;=1", "a;'=1")],
)
def test_what_is_quoted(text, cell):
    """A quotation mark goes before what would be run, in the middle of text too."""
    assert to_cell(text) == cell


def test_table(tmp_path):
    """Numbers are written in full, None is empty, columns may be hostile too."""
    write_table(tmp_path / "a.csv", ["case", "=model"], [["=a", -0.1], ["b", None], ["c", float("nan")]])
    assert (tmp_path / "a.csv").read_text() == "case,'=model\n'=a,-0.1\nb,\nc,nan\n"
    assert [row["case"] for _, row in read_rows(tmp_path / "a.csv")] == ["'=a", "b", "c"]


def test_cases_of_a_run_come_back(tmp_path):
    """The reader of cases.csv gives ids, patients and classes as they were."""
    names = ("=case", "'=group", "a;-class")
    columns = ["case", "group", "class", "reference", "predicted", "status", "dice"]
    write_table(tmp_path / "cases.csv", columns, [[*names, 1, 2, "ok", 0.5]])
    [row] = read_cases(tmp_path / "cases.csv")
    assert (row.case, row.group, row.class_name, row.values) == (*names, {"dice": 0.5})
