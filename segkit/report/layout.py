"""How text and tables are laid out for people: fewer columns where the window is narrow, then blocks, whole words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from segkit.errors import one_line

if TYPE_CHECKING:
    from rich.console import Console

GAP = 2
"""Signs between two columns."""
READABLE = 40
"""A column of sentences is wanted this wide before another one is shown beside it."""


def wrapped(line: str, width: int, further: str = "") -> str:
    """Return a line broken between words, its further lines as far in as the first; a longer word stays whole.

    Args:
        width: in cells of a terminal, of which wide signs take two.
        further: what further lines begin with beside that.
    """
    if cells_of(line) <= width:
        return line
    indent = line[: indent_of(line)]
    lines: list[str] = []
    current, free = indent, True
    for gap, word in re.findall(r"(\s*)(\S+)", line.removeprefix(indent)):
        longer = current + ("" if free else gap) + word
        if free or cells_of(longer) <= width:
            current, free = longer, False
        else:
            lines.append(current)
            current = indent + further + word
    return "\n".join([*lines, current])


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    grouped: bool = False,
    spare: Sequence[str] = (),
    right: Sequence[str] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print rows of text as wide as the console allows.

    Args:
        grouped: a value of the first column stands once above its rows' like.
        spare: columns that are left out where there is no room for all, the first one first.
        right: columns of numbers, written to the right.
        styles: by text, how a cell is written that says just that.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    heads = [one_line(column) for column in columns]
    shown = fitting(heads, cells, console.width, spare)
    if shown is None:
        print_blocks(console, heads, cells, grouped=grouped, styles=styles or {})
        return
    ways = {position: "cyan" for position in shown if position == int(grouped)}
    if any(columns):
        _print_row(
            console, heads, shown, [columns[position] in right for position in shown], dict.fromkeys(shown, "bold")
        )
    for number, row in enumerate(cells):
        again = grouped and number > 0 and row[0] == cells[number - 1][0]
        if grouped and number and not again:
            console.print()
        told = ["" if again and position == 0 else cell for position, cell in enumerate(row)]
        own = {position: styles[row[position]] for position in shown if styles and row[position] in styles}
        _print_row(console, told, shown, [columns[position] in right for position in shown], ways | own)


def _print_row(
    console: Console,
    cells: Sequence[str],
    shown: Mapping[int, int],
    right: Sequence[bool],
    styles: Mapping[int, str],
) -> None:
    """Print one row of a table: cells below each other's lines, nothing behind the last word of a line."""
    from rich.text import Text

    lines = {position: wrapped(cells[position], width).split("\n") for position, width in shown.items()}
    for number in range(max(map(len, lines.values()), default=0)):
        text = Text()
        for (position, width), to_the_right in zip(shown.items(), right, strict=True):
            part = lines[position][number] if number < len(lines[position]) else ""
            free = " " * (width - cells_of(part))
            text.append(free if to_the_right else "").append(part, styles.get(position, ""))
            text.append("" if to_the_right else free).append(" " * GAP)
        text.rstrip()
        console.print(text, soft_wrap=True)


def fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, spare: Sequence[str]
) -> dict[int, int] | None:
    """Return the columns that there is room for, position -> width; None where blocks are read more easily."""
    texts = [[column, *(row[position] for row in rows)] for position, column in enumerate(columns)]
    widest = [max(map(cells_of, column)) for column in texts]
    narrowest = [longest_word(column) for column in texts]
    wanted = [min(wide, max(narrow, READABLE)) for wide, narrow in zip(widest, narrowest, strict=True)]
    shown = [position for position in range(len(columns)) if any(row[position] for row in rows) or not rows]
    for name in spare:
        if room(wanted, shown) <= width:
            break
        shown = [position for position in shown if columns[position] != name]
    least = [min(wide, max(narrow, READABLE // 2)) for wide, narrow in zip(widest, narrowest, strict=True)]
    if room(least, shown) > width:
        return None
    given = shared_out([least[position] for position in shown], [widest[position] for position in shown], width)
    return dict(zip(shown, given, strict=True))


def shared_out(least: Sequence[int], widest: Sequence[int], width: int) -> list[int]:
    """Return the widths of columns that take `width` with their gaps; what is over goes where most is to be broken.

    Args:
        least: what each has in any case, in all not more than there is room for.
        widest: what each can use.
    """
    given = list(least)
    left = width - sum(least) - GAP * (len(least) - 1)
    while left > 0:
        wanting = [place for place, taken in enumerate(given) if taken < widest[place]]
        if not wanting:
            break
        given[max(wanting, key=lambda place: widest[place] / given[place])] += 1
        left -= 1
    return given


def print_blocks(
    console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]], *, grouped: bool, styles: Mapping[str, str]
) -> None:
    """Print each row as lines of its own: its first cell, and below it the others by their column.

    Args:
        grouped: the first cell stands once above all rows that share it, which the second names.
    """
    first, indent = int(grouped), "  " * grouped
    for number, row in enumerate(rows):
        if grouped and (number == 0 or row[0] != rows[number - 1][0]):
            _write(console, ("\n" if number else "") + row[0], "bold", {})
        # A column without a head, of ranks say, names nothing alone.
        named = first + (1 if heads[first] or len(row) <= first + 2 else 2)
        title = indent + " ".join(filter(None, row[first:named]))
        told = {
            position: f"{heads[position]}: {row[position]}" if heads[position] else row[position]
            for position in range(named, len(row))
            if row[position]
        }
        coloured = {text: styles[row[position]] for position, text in told.items() if row[position] in styles}
        short = "; ".join(text for text in told.values() if cells_of(text) <= READABLE)
        lines = [line for line in (short, *(text for text in told.values() if cells_of(text) > READABLE)) if line]
        if len(lines) == 1 and cells_of(title + lines[0]) + GAP <= console.width:
            _write(console, title + " " * GAP + lines[0], "", coloured | {title: "cyan"})
            continue
        _write(console, wrapped(title, console.width), "cyan", {})
        for line in lines:
            _write(console, wrapped(f"{indent}  {line}", console.width), "", coloured)


def _write(console: Console, line: str, style: str, parts: Mapping[str, str]) -> None:
    """Print lines as they are, parts of them in styles of their own."""
    from rich.text import Text

    text = Text(line, style=style)
    for part, own in parts.items():
        start = line.find(part)
        if start >= 0:
            text.stylize(own, start, start + len(part))
    console.print(text, soft_wrap=True)


def room(widths: Sequence[int], shown: Sequence[int]) -> int:
    """The width of a table."""
    return sum(widths[position] for position in shown) + GAP * (len(shown) - 1)


def longest_word(texts: Iterable[str]) -> int:
    """The width of the longest word, as far in as its text, which no column is narrower than."""
    return max((indent_of(text) + cells_of(word) for text in texts for word in text.split()), default=1)


def indent_of(text: str) -> int:
    """How many blanks a text begins with."""
    return len(text) - len(text.lstrip())


def cells_of(text: str) -> int:
    """How many cells of a terminal a text takes: two for each wide sign."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
