"""Write files whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from segkit.errors import SegkitError

LONGEST_NAME = 255
"""Bytes of a file's name, on all systems that are common."""


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside `path`, sync it, and rename it into place.

    Raises:
        SegkitError: the disk is full or refuses; what stood at `path` before stands there still.
    """
    part = part_of(path)
    try:
        with part.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise SegkitError(
            f"cannot write {path.name}: {reason}", "free some space or choose another --output"
        ) from error


def part_of(path: Path) -> Path:
    """Return the hidden name that a file has until it is whole; a digest of it where it would be too long."""
    name = f".{path.name}.part"
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = f".{hashlib.sha256(os.fsencode(name)).hexdigest()}.part"
    return path.with_name(name)


@contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """Yield an empty folder beside `final` that gets its name when the block ends well and vanishes when it does not.

    Raises:
        SegkitError: `final` is there already, or the disk is full or refuses.
    """
    part = final.with_name(f".{final.name}.part-{os.getpid()}")
    try:
        part.mkdir(parents=True)
        yield part
        for path in (*part.rglob("*"), part):
            sync_folder(path)
        # Not onto a folder that holds something: another process may have been quicker.
        part.rename(final)
        sync_folder(final.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SegkitError(f"cannot write folder {final}: {reason}", "choose another --output") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8, whole or not at all."""
    write_whole(path, lambda stream: stream.write(text.encode("utf-8")))


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys, whole or not at all; NaN and infinities are refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON; raises ValueError where it is none, also where it is nested too deeply to be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
