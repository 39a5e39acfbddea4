"""Results on stdout, all else on stderr: tables for people, tab-separated lines for pipes, JSON for programs."""

from __future__ import annotations

import io
import os
import shutil
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from segkit.errors import one_line, printable

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

SILENT = ("PIL", "numpy")
"""What they warn of is told of the file it concerns, or is no matter."""
FOR_PROGRAMMERS = (
    *(DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning, ResourceWarning, BytesWarning),
    RuntimeWarning,  # numpy's, of the module that computed: a result that is no number is told where it matters
)
NARROWEST = 40
"""Shorter lines fit every window."""
_results: list[TextIO] = []
"""Where JSON goes while everything else that is printed goes to stderr."""
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


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    grouped: bool = False,
    spare: Sequence[str] = (),
    right: Sequence[str] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print rows of text: a table with a head on a terminal, tab-separated lines without one in a pipe.

    Args:
        grouped, spare, right, styles: how `segkit.report.layout` lays out a table.
    """
    if not for_people():
        for row in rows:
            print_line(*row)
        return
    from segkit.report import layout

    layout.print_table(console(), columns, rows, grouped=grouped, spare=spare, right=right, styles=styles)


def print_title(text: str) -> None:
    """Print what the lines below it are about, for people."""
    console().print(one_line(text), style="bold cyan")


def say(*lines: object, err: bool = False) -> None:
    """Print lines of text, an empty one where there is none; what of a name could steer a terminal is escaped."""
    stream = sys.stderr if err else sys.stdout
    for line in lines or ("",):
        click.echo(in_window(printable(str(line)), stream), file=stream)


def in_window(line: str, stream: TextIO) -> str:
    """Return a line broken between words where the stream is a terminal that it is too wide for."""
    if len(line) < NARROWEST or not stream.isatty():
        return line
    from segkit.report.layout import wrapped

    return wrapped(line, shutil.get_terminal_size().columns)


def print_line(*cells: str) -> None:
    """Print one tab-separated line; tabs and line breaks inside a cell become spaces."""
    click.echo("\t".join(map(one_line, cells)), file=sys.stdout)


def print_json(value: Any, *, sort_keys: bool = False) -> None:
    """Print a value as indented JSON; a number that is not finite is null, as in every file."""
    import json

    from segkit.files import without_non_finite

    text = json.dumps(without_non_finite(value), indent=2, allow_nan=False, sort_keys=sort_keys)
    click.echo(text, file=_results[-1] if _results else sys.stdout)


@contextmanager
def results_apart(wanted: bool) -> Iterator[None]:
    """Send what anybody prints meanwhile to stderr, JSON apart: a network that prints must not spoil it."""
    if not wanted:
        yield
        return
    _results.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _results.pop()


def warn(text: str) -> None:
    """Print one line of warning on stderr."""
    _remark("warning", "yellow", text)


def complain(text: str, *, prefix: str = "error") -> None:
    """Print the one line of an error on stderr."""
    _remark(prefix, "red", text)


def show_usage(error: click.ClickException) -> None:
    """Print what click has to say, which repeats what was typed, on stderr."""
    text = io.StringIO()
    error.show(text)
    say(*text.getvalue().splitlines(), err=True)


def show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print where an error came from, as Python does; its message may hold what a stranger wrote."""
    say(*"".join(traceback.format_exception(kind, error, trace)).splitlines(), err=True)


@contextmanager
def warnings_as_lines(*, raw: bool = False) -> Iterator[None]:
    """Print what libraries warn of meanwhile as our own lines, and leave out what only programmers can mend.

    Args:
        raw: let Python print them, as with --traceback and where -W or PYTHONWARNINGS asks for it.
    """
    if raw or sys.warnoptions:
        yield
        return
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        yield


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Take the place of `warnings.showwarning`."""
    library = library_of(filename)
    if library not in SILENT and not issubclass(category, FOR_PROGRAMMERS):
        warn(f"{library}: {message}")


def library_of(filename: str) -> str:
    """Return the package that a module's file belongs to."""
    parts = Path(filename).parts
    for place in ("site-packages", "dist-packages"):
        if place in parts[:-1]:
            return parts[parts.index(place) + 1].removesuffix(".py")
    return Path(filename).stem


def _colour_forced() -> bool:
    return bool(os.environ.get("FORCE_COLOR")) and not os.environ.get("NO_COLOR")


def _remark(prefix: str, colour: str, text: str) -> None:
    line = in_window(f"{prefix}: {one_line(text)}", sys.stderr)
    if _colour_forced() or (sys.stderr.isatty() and not os.environ.get("NO_COLOR")):
        line = click.style(prefix, fg=colour, bold=True) + line.removeprefix(prefix)
    click.echo(line, file=sys.stderr, color=True)
