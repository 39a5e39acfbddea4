"""Tables as CSV files that a spreadsheet shows and does not run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from segkit.files.writing import write_text

RUN = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a cell begins with that spreadsheets take for a formula, the wide forms of them included."""
QUOTE = "'"
"""Stands before such text, and spreadsheets show the rest."""
SEPARATORS = re.compile(r"([;\t\r\n])")
"""Where a spreadsheet may begin a cell in the middle of text: where commas are decimal, it takes semicolons."""


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file, whole or not at all; None is an empty cell, numbers are written in full."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(to_cell, columns))
    writer.writerows([to_cell(value) if isinstance(value, str) else value for value in row] for row in rows)
    write_text(path, stream.getvalue())


def to_cell(text: str) -> str:
    """Return text as a cell; `from_cell` gives the text back.

    A case may be called `=HYPERLINK(...)`, and so may a class: a quotation mark goes before what would be run, and
    before one that is there already. Text that is a number, such as "-0.5", stays as it is.
    """
    if is_number(text):
        return text
    return "".join(QUOTE + part if is_run(part) or part.startswith(QUOTE) else part for part in SEPARATORS.split(text))


def from_cell(cell: str) -> str:
    """Return the text that `to_cell` made a cell of."""
    return "".join(part.removeprefix(QUOTE) for part in SEPARATORS.split(cell))


def is_run(part: str) -> bool:
    """Whether a spreadsheet would take a cell's text for a formula."""
    return part.lstrip(' "').startswith(RUN)


def is_number(text: str) -> bool:
    """Whether text is a number, or several with spaces between them."""
    if SEPARATORS.search(text):
        return False  # Python reads "\r-1", which a spreadsheet takes for a line that begins with a sign
    try:
        return bool([float(word) for word in text.split(" ")])
    except ValueError:
        return False
