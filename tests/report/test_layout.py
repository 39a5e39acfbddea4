"""Text and tables as wide as the window: whole words, fewer columns, blocks."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from segkit.report import layout

COLUMNS = ("name", "summary", "plugin", "version")
ROWS = [
    ("generalized-dice", "One minus a single soft Dice coefficient, each class by its size.", "segkit-losses", "0.1.0"),
    ("bce", "Binary cross entropy of each logit.", "segkit-losses", "0.1.0"),
]


def shown(width: int, **options) -> str:
    """The table as a terminal of a width shows it."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    layout.print_table(console, COLUMNS, ROWS, **options)
    return stream.getvalue()


@pytest.mark.parametrize("width", range(30, 130, 7))
def test_words_stay_whole(width):
    """At every width all words of what is shown are there, none is broken, and no line is wider."""
    text = shown(width, spare=("version", "plugin"))
    assert max(map(len, text.splitlines())) <= width
    words = set(text.replace(":", " ").replace(";", " ").split())
    for row in ROWS:
        assert set(" ".join(row[:2]).split()) <= words


def test_fewer_columns_then_blocks():
    """Where there is no room the spare columns go one by one; then each row is lines of its own, with all it holds."""
    heads = {width: shown(width, spare=("version", "plugin")).splitlines()[0].split() for width in (120, 78, 64)}
    assert heads == {120: list(COLUMNS), 78: list(COLUMNS[:3]), 64: list(COLUMNS[:2])}
    blocks = shown(30, spare=("version", "plugin")).splitlines()
    assert blocks[0].strip() == "generalized-dice"
    assert "segkit-losses" in " ".join(blocks)


@given(st.text(alphabet="ab -é", max_size=200), st.integers(1, 40))
def test_lines_are_broken_between_words(line, width):
    """Nothing is lost, and only a word that is longer than the line stands out of it."""
    made = layout.wrapped(line, width)
    assert made.split() == line.split()
    for part in made.splitlines():
        assert len(part) <= width or len(part.split()) <= 1


TEXTS = st.lists(st.text("abc-/éж肝脏", min_size=1, max_size=18), max_size=12).map(" ".join)
ROW = st.tuples(st.text("ab", min_size=1, max_size=5), TEXTS, TEXTS, TEXTS)


@given(st.lists(ROW, min_size=1, max_size=5), st.integers(20, 130), st.booleans(), st.sets(st.sampled_from(COLUMNS)))
def test_any_table_is_whole_at_any_width(rows, width, grouped, right):
    """Of any cells, wide signs among them: no word is broken or lost, and no line is wider but for one long word."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    rows = sorted(rows) if grouped else rows
    layout.print_table(console, COLUMNS, rows, grouped=grouped, right=sorted(right), styles={"a": "red"})
    shown = stream.getvalue()
    told = shown.replace(";", " ").split()
    for row in rows:
        assert set(" ".join(row).split()) <= set(told)
    for line in shown.splitlines():
        longest = max((layout.cells_of(word) for word in line.split()), default=0)
        assert layout.cells_of(line) <= max(width, longest + 4)


@given(st.lists(ROW, min_size=1, max_size=5), st.integers(20, 130))
def test_columns_stay_below_their_heads(rows, width):
    """In a table every cell of a column begins below its head, however wide the signs before it are."""
    rows = [tuple(cell or "x" for cell in row) for row in rows]
    given_room = layout.fitting(COLUMNS, rows, width, ())
    if given_room is None:
        return
    stream = io.StringIO()
    layout.print_table(Console(file=stream, width=width, color_system=None), COLUMNS, rows)
    starts, start = [], 0
    for room in given_room.values():
        starts.append(start)
        start += room + layout.GAP
    assert sum(given_room.values()) + layout.GAP * (len(given_room) - 1) <= width
    first = stream.getvalue().splitlines()[1]
    for begin, cell in zip(starts, rows[0], strict=True):
        before = next(end for end in range(len(first) + 1) if layout.cells_of(first[:end]) == begin)
        assert first[before:].startswith(cell.split()[0])


def test_rows_of_a_group_stand_below_its_name_in_blocks():
    """A group's name stands once, a row that fits on one line takes one, and a rank stands beside what it ranks."""
    stream = io.StringIO()
    console = Console(file=stream, width=44, color_system=None)
    rows = [
        ("versions", "torch", "ok", "2.14"),
        ("versions", "a" * 30, "ok", "b" * 30),
        ("disk", "cache", "ok", "1 GB"),
    ]
    layout.print_table(console, ("area", "what", "state", "found"), rows, grouped=True)
    assert stream.getvalue() == (
        f"versions\n  torch  state: ok; found: 2.14\n  {'a' * 30}\n    state: ok; found:\n    {'b' * 30}\n"
        "\ndisk\n  cache  state: ok; found: 1 GB\n"
    )
    stream.truncate(0)
    stream.seek(0)
    layout.print_table(console, ("", "model", "mean dice"), [("1", "unet" * 8, "0.9"), ("2", "vnet" * 9, "0.8")])
    assert stream.getvalue().splitlines()[0].startswith("1 unet")
