"""How text and tables are laid out for people: fewer columns where the window is narrow, then blocks, whole words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from segkit.errors import one_line

if TYPE_CHECKING:
    from rich.console import Console

GAP = 2
"""Signs between two columns."""
READABLE = 40
"""A column of sentences is wanted this wide before another one is shown beside it."""


def wrapped(line: str, width: int) -> str:
    """Return a line broken between words, its further lines as far in as the first; a longer word stays whole."""
    if len(line) <= width:
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    options = {"break_long_words": False, "break_on_hyphens": False, "replace_whitespace": False}
    return "\n".join(textwrap.wrap(line, width, subsequent_indent=indent, **options))  # type: ignore[arg-type]


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    grouped: bool = False,
    spare: Sequence[str] = (),
    right: Sequence[str] = (),
) -> None:
    """Print rows of text as wide as the console allows.

    Args:
        grouped: a value of the first column stands once above its rows' like.
        spare: columns that are left out where there is no room for all, the first one first.
        right: columns of numbers, written to the right.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    shown = fitting([one_line(column) for column in columns], cells, console.width, spare)
    if shown is None:
        print_blocks(console, columns, cells)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=any(columns), header_style="bold")
    for position in shown:
        narrowest = longest_word([columns[position], *(row[position] for row in cells)])
        table.add_column(
            Text(one_line(columns[position])),
            style="cyan" if position == int(grouped) else "",
            justify="right" if columns[position] in right else "left",
            min_width=narrowest,
        )
    for number, row in enumerate(cells):
        again = grouped and number > 0 and row[0] == cells[number - 1][0]
        if grouped and number and not again:
            table.add_row()
        table.add_row(*(Text("" if again and position == 0 else row[position]) for position in shown))
    console.print(table)


def fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, spare: Sequence[str]
) -> list[int] | None:
    """Return the positions of the columns that there is room for; None where blocks are read more easily."""
    texts = [[column, *(row[position] for row in rows)] for position, column in enumerate(columns)]
    widest = [max(map(cells_of, column)) for column in texts]
    narrowest = [longest_word(column) for column in texts]
    wanted = [min(wide, max(narrow, READABLE)) for wide, narrow in zip(widest, narrowest, strict=True)]
    shown = list(range(len(columns)))
    for name in spare:
        if room(wanted, shown) <= width:
            break
        shown = [position for position in shown if columns[position] != name]
    least = [min(wide, max(narrow, READABLE // 2)) for wide, narrow in zip(widest, narrowest, strict=True)]
    return shown if room(least, shown) <= width else None


def print_blocks(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print each row as lines of its own: its first cell, and below it the others by their column."""
    from rich.text import Text

    for row in rows:
        console.print(Text(wrapped(row[0], console.width), style="cyan"), soft_wrap=True)
        told = [
            f"{column}: {cell}" if column else cell for column, cell in zip(columns[1:], row[1:], strict=True) if cell
        ]
        short = "; ".join(text for text in told if cells_of(text) <= READABLE)
        for line in (short, *(text for text in told if cells_of(text) > READABLE)):
            if line:
                console.print(Text(wrapped(f"  {one_line(line)}", console.width)), soft_wrap=True)


def room(widths: Sequence[int], shown: Sequence[int]) -> int:
    """The width of a table."""
    return sum(widths[position] for position in shown) + GAP * (len(shown) - 1)


def longest_word(texts: Iterable[str]) -> int:
    """The width of the longest word, which no column is narrower than."""
    return max((cells_of(word) for text in texts for word in text.split()), default=1)


def cells_of(text: str) -> int:
    """How many cells of a terminal a text takes: two for each wide sign."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
