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
