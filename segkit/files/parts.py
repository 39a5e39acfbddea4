"""What is being written: under a name that nobody can foresee, locked meanwhile, cleared where it was left."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART = re.compile(r"\.segkit-[0-9a-f]{16}\.part")
"""Short and of its own: a name made of the file's could be too long, and a link of that name could lie there."""
MADE_ANEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


_tidied: set[Path] = set()


def part_name() -> str:
    """Return a name for something that is not whole yet."""
    return f".segkit-{secrets.token_hex(8)}.part"


def new_part(folder: Path) -> tuple[Path, int]:
    """Make a new empty file in a folder, locked for as long as it is open; returns path and descriptor."""
    _tidy(folder)
    while True:
        part = folder / part_name()
        descriptor = os.open(part, MADE_ANEW, 0o666)
        _lock(descriptor, wait=True)
        if part.exists():
            return part, descriptor
        os.close(descriptor)  # another process tidied up between its making and its lock


@contextmanager
def new_part_folder(folder: Path) -> Iterator[Path]:
    """Make a new empty folder in a folder, locked meanwhile, and remove it at the end where it was not renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    _tidy(folder)
    part, descriptor = _made_and_locked(folder)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _made_and_locked(folder: Path) -> tuple[Path, int | None]:
    """Make a new empty folder; returns its path and the descriptor that holds its lock, None where there is none."""
    while True:
        part = folder / part_name()
        part.mkdir()
        if os.name != "posix":
            return part, None
        with suppress(FileNotFoundError):
            descriptor = os.open(part, os.O_RDONLY)
            _lock(descriptor, wait=True)
            if part.exists():
                return part, descriptor
            os.close(descriptor)


def _tidy(folder: Path) -> None:
    """Remove what killed processes left in a folder, once per process: the folder may hold many files."""
    place = folder.absolute()
    if place not in _tidied:
        _tidied.add(place)
        remove_parts(folder)


def remove_parts(folder: Path) -> None:
    """Remove what killed processes of segkit were writing right in a folder; what is being written now stays."""
    try:
        found = [entry for entry in os.scandir(folder) if PART.fullmatch(entry.name) and not entry.is_symlink()]
    except OSError:
        return
    for entry in found:
        with suppress(OSError):
            descriptor = os.open(entry.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            try:
                if _lock(descriptor):
                    shutil.rmtree(entry.path) if entry.is_dir() else Path(entry.path).unlink()
            finally:
                os.close(descriptor)


def _lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock a file that is open; returns False where another process has it and `wait` is off, or there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows: what was left there stays
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
