"""Read small files that somebody may have sent: regular ones only, of bounded size and depth, in UTF-8, to a sentence.

What is read here holds no number that is none (NaN) or takes more than 64 bits, no table that names a key twice, no
half of a character; a byte order mark before it is nothing.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import stat
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError
from segkit.files.shape import check_shape

LARGEST = 32 * 2**20
"""Bytes of a JSON or TOML file; a parsed one takes up to thirty times as much."""
LARGEST_TABLE = 256 * 2**20
"""Bytes of a file that is read line by line."""
DEEPEST = 64
MOST_COLUMNS = 10_000
LARGEST_NUMBER = 2**63
COPY_AGAIN = "copy it again"


def read_bytes(
    path: Path, *, hint: str = COPY_AGAIN, file: str = "", most: int = LARGEST, absent: bytes | None = None
) -> bytes:
    """Return the contents of a regular file.

    Args:
        hint: the way out, for messages.
        file: how messages call it, if not by its path.
        most: bytes that are read.
        absent: what is returned where there is no such file; None to refuse that too.

    Raises:
        SegkitError: there is none, it is a folder, a pipe or a device, is larger, or may not be read.
    """
    data = _contents(path, hint, file or str(path), most)
    if data is not None:
        return data
    if absent is None:
        raise SegkitError(f"{file or path} does not exist", hint)
    return absent


def read_end(path: Path, most: int) -> str:
    """Return the last part of a text that any program may have written, such as a log; "" where there is none.

    Raises:
        SegkitError: it is a folder, a pipe or a device, or may not be read.
    """
    return (_contents(path, COPY_AGAIN, str(path), most, end=True) or b"").decode(errors="replace")


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file of any length for reading, without waiting for the other end of a named pipe (issue 19).

    Raises:
        OSError: it cannot be opened, or is a folder, a pipe or a device.
    """
    # Named as its path is, by which pydicom opens it once more.
    stream = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  # closed where it is not returned
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "it is a folder, a pipe or a device, not a file")
    return stream


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _contents(path: Path, hint: str, called: str, most: int, *, end: bool = False) -> bytes | None:
    """Read a file, or so much of its end; None where there is nothing of that name."""
    try:
        # Opening a named pipe would wait for its other end, for ever (issue 19).
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            kind = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(kind):
                found = "a folder" if stat.S_ISDIR(kind) else "a pipe or a device"
                raise SegkitError(f"{called} is {found}, not a file", hint)
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                if end:
                    stream.seek(max(0, os.fstat(descriptor).st_size - most))
                    return stream.read(most)
                data = stream.read(most + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        if os.path.lexists(path):
            raise SegkitError(f"{called} is a link to nothing", hint) from None
        return None
    except (OSError, ValueError) as error:
        raise SegkitError(f"{called} cannot be read: {reason_of(error)}", hint) from None
    if len(data) > most:
        raise SegkitError(f"{called} is larger than the {bytes_text(most)} that are read of such a file", hint)
    return data


def read_text(
    path: Path, *, hint: str = COPY_AGAIN, file: str = "", most: int = LARGEST, absent: str | None = None
) -> str:
    """Return the text of a file in UTF-8; raises SegkitError as `read_bytes`, or where it is no such text."""
    given = None if absent is None else absent.encode()
    data = read_bytes(path, hint=hint, file=file, most=most, absent=given)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"it is not text in UTF-8 from byte {error.start} on"
        raise SegkitError(f"{file or path} is damaged: {reason}", hint) from None


def read_json(
    path: Path,
    shape: Any = object,
    *,
    hint: str = COPY_AGAIN,
    file: str = "",
    most: int = LARGEST,
    absent: str | None = None,
) -> Any:
    """Return the value in a JSON file, checked to be of a shape (`segkit.files.shape`).

    Args:
        absent: the text that is read where there is no such file; None to refuse that too.

    Raises:
        SegkitError: as `read_text`, or it is no such JSON; the message names the place.
    """
    text = read_text(path, hint=hint, file=file, most=most, absent=absent)
    try:
        value = parse_json(text)
        if text != absent:
            check_shape(value, shape)
    except ValueError as error:
        raise SegkitError(f"{file or path} is damaged: {reason_of(error)}", hint) from None
    return value


def read_toml(
    path: Path, shape: Any = dict, *, hint: str = "mend that line", file: str = "", absent: str | None = None
) -> dict[str, Any]:
    """Return the tables of a TOML file, checked to be of a shape; raises SegkitError as `read_json`."""
    text = read_text(path, hint=hint, file=file, absent=absent)
    try:
        value = parse_toml(text)
        if text != absent:
            check_shape(value, shape)
    except ValueError as error:
        raise SegkitError(f"{file or path} is damaged: {reason_of(error)}", hint) from None
    return value


def read_lines(
    path: Path, shape: Any = dict, *, hint: str = "remove that line", file: str = "", absent: str | None = None
) -> list[Any]:
    """Return the values of a file with a JSON value on each line; raises SegkitError that names the line."""
    values = []
    text = read_text(path, hint=hint, file=file, absent=absent)
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        try:
            value = parse_json(line)
            check_shape(value, shape)
        except ValueError as error:
            raise SegkitError(f"{file or path}, line {number} is damaged: {reason_of(error)}", hint) from None
        values.append(value)
    return values


def read_rows(
    path: Path,
    columns: Sequence[str] = (),
    *,
    hint: str = COPY_AGAIN,
    file: str = "",
    delimiters: str = ",",
    ragged: bool = False,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file by column, with the line that each ends on.

    Args:
        columns: those that have to be there.
        delimiters: signs that may be between columns; that which is most often in the first line is.
        ragged: take a row with fewer cells than columns, the missing ones empty.

    Raises:
        SegkitError: as `read_text`, or a column is missing or there twice, or a row has more or fewer cells.
    """
    called = file or str(path)
    text = read_text(path, hint=hint, file=file, most=LARGEST_TABLE)
    if "\0" in text:
        raise SegkitError(f"{called} is damaged: it holds zero bytes", hint)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(delimiters, key=text.partition("\n")[0].count))
    try:
        header = next(reader, [])
        missing = [name for name in columns if name not in header]
        if missing:
            raise SegkitError(f"{called} has no column {missing[0]!r}", hint)
        if len({*header}) < len(header) or len(header) > MOST_COLUMNS:
            twice = next((name for name in header[:MOST_COLUMNS] if header.count(name) > 1), header[0])
            raise SegkitError(f"{called} has too many columns, or the column {twice!r} twice", hint)
        for cells in reader:
            if not cells:
                continue
            short = len(header) - len(cells)
            if short < 0 or (short > 0 and not ragged):
                counts = f"{len(cells)} cells for {len(header)} columns"
                raise SegkitError(f"{called}, line {reader.line_num} has {counts}", hint)
            yield reader.line_num, dict(zip(header, [*cells, *[""] * short], strict=True))
    except csv.Error as error:
        raise SegkitError(f"{called}, line {reader.line_num} cannot be read: {error}", hint) from None


def parse_json(text: str | bytes, *, finite: bool = True) -> Any:
    """Parse JSON; raises ValueError where it is none, or holds what no file of segkit's holds (see above).

    Args:
        finite: refuse NaN and infinities, which Python writes into JSON and nobody else reads.
    """
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(decoded, object_pairs_hook=_table, parse_constant=_no_number if finite else None)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} in line {error.lineno}") from None
    _refuse_extremes(value, finite=finite)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; raises ValueError where it is none or is nested too deeply."""
    try:
        value = tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        # Not TOMLDecodeError alone: numbers of thousands of digits raise another.
        raise ValueError(f"it is not TOML: {error}") from None
    _refuse_extremes(value, finite=False)  # TOML has nan and inf, and some params mean them
    return value


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it names {next(name for name in names if names.count(name) > 1)!r} twice")
    return table


def _no_number(name: str) -> Any:
    raise ValueError(f"it is not JSON: {name} is no number")


def _refuse_extremes(value: Any, *, finite: bool) -> None:
    """Raise ValueError where a value, at any depth, is one that would break what reads, prints or sends it on."""
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        below: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                below += part.values()
                below += part.keys()
            elif isinstance(part, list):
                below += part
            elif isinstance(part, str):
                _refuse_no_characters(part)
            elif isinstance(part, int):
                if not -LARGEST_NUMBER <= part < LARGEST_NUMBER:
                    raise ValueError("it holds a whole number of more than 64 bits")
            elif isinstance(part, float) and finite and not math.isfinite(part):
                raise ValueError("it holds a number that is too large")
        level, depth = below, depth + 1


def _refuse_no_characters(text: str) -> None:
    """Raise ValueError for what no file name and no terminal takes: zero bytes, and halves of characters."""
    try:
        zero = "\0" in text if text.isascii() else b"\0" in text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("it holds half of a character (a lone surrogate)") from None
    if zero:
        raise ValueError("it holds a zero byte")


def reason_of(error: Exception) -> str:
    """Return what went wrong as one line."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split()) or type(error).__name__


def bytes_text(count: int) -> str:
    """Write a number of bytes as people read it: "5.8 GB"."""
    if count < 1000:
        return f"{count} bytes"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.3g} {unit}"
