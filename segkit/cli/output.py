"""Results on stdout, all else on stderr: tables for people, tab-separated lines for pipes, JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from segkit.errors import one_line

if TYPE_CHECKING:
    from rich.console import Console

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def leads() -> bool:
    """Whether this process is the one that talks to the user: of several that torchrun started, the first."""
    from segkit.engine.launch import Launch

    return Launch.from_environment().leads


def for_people() -> bool:
    """Whether stdout is a terminal, or FORCE_COLOR says to write as if it were one."""
    return _colour_forced() or sys.stdout.isatty()


def switch_colour_off() -> None:
    """Print without colour from now on, here and in child processes, whatever FORCE_COLOR says."""
    os.environ["NO_COLOR"] = "1"
    os.environ.pop("FORCE_COLOR", None)


def console(*, stderr: bool = False) -> Console:
    """Return a rich console that keeps to NO_COLOR, FORCE_COLOR and --no-color, and marks up nothing by itself."""
    from rich.console import Console

    if os.environ.get("NO_COLOR"):
        # Without a colour system rich writes no escape codes at all, bold included.
        return Console(stderr=stderr, highlight=False, markup=False, emoji=False, color_system=None)
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, grouped: bool = False) -> None:
    """Print rows of text: a table with a head on a terminal, tab-separated lines without one in a pipe.

    Args:
        grouped: on a terminal, a value of the first column stands once above its rows' like.
    """
    if not for_people():
        for row in rows:
            print_line(*row)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=any(columns), header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, style="cyan" if position == int(grouped) else "", overflow="fold")
    for number, row in enumerate(rows):
        cells = list(row)
        if grouped and number and row[0] == rows[number - 1][0]:
            cells[0] = ""
        elif grouped and number:
            table.add_row()
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    console().print(table)


def print_line(*cells: str) -> None:
    """Print one tab-separated line; tabs and line breaks inside a cell become spaces."""
    click.echo("\t".join(map(one_line, cells)))


def print_json(value: Any) -> None:
    """Print a value as indented JSON; a number that is not finite is null, as in every file."""
    import json

    from segkit.files import without_non_finite

    click.echo(json.dumps(without_non_finite(value), indent=2, allow_nan=False))


def warn(text: str) -> None:
    """Print one line of warning on stderr."""
    _remark("warning", "yellow", text)


def complain(text: str, *, prefix: str = "error") -> None:
    """Print the one line of an error on stderr."""
    _remark(prefix, "red", text)


def _colour_forced() -> bool:
    return bool(os.environ.get("FORCE_COLOR")) and not os.environ.get("NO_COLOR")


def _remark(prefix: str, colour: str, text: str) -> None:
    if _colour_forced() or (sys.stderr.isatty() and not os.environ.get("NO_COLOR")):
        prefix = click.style(prefix, fg=colour, bold=True)
    click.echo(f"{prefix}: {one_line(text)}", err=True, color=True)
