"""Folders that are written whole or not at all, by one process at a time."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from segkit.errors import SegkitError
from segkit.files import sync_folder

BUILDING = ".building"
LOCK = ".lock"
MOVE_CACHE = "free some space, or set SEGKIT_CACHE to a folder you can write to on another disk"


@contextmanager
def writing(what: str, folder: Path) -> Iterator[None]:
    """Turn a failing write into a SegkitError that says what was being written and where."""
    try:
        yield
    except OSError as error:
        raise SegkitError(f"{what} cannot be written in {folder}: {error.strerror or error}", MOVE_CACHE) from error


@contextmanager
def locked(final: Path) -> Iterator[None]:
    """Hold the lock of the folder `final`, waiting for other processes and threads that hold it."""
    final.parent.mkdir(parents=True, exist_ok=True)
    # The lock file stays: whoever removed it could remove one that another process has just locked.
    with open_lock(final.with_name(final.name + LOCK)) as stream:
        lock_stream(stream, wait=True)
        yield


@contextmanager
def locked_if_free(final: Path) -> Iterator[bool]:
    """Hold the lock of the folder `final` where nobody holds it; yields whether it is held."""
    with open_lock(final.with_name(final.name + LOCK)) as stream:
        yield lock_stream(stream, wait=False)


def open_lock(path: Path) -> BinaryIO:
    """Open the file that a lock is held on, made where there is none; through no link, waiting for no pipe."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return cast("BinaryIO", os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0))


def is_building(path: Path) -> bool:
    """Whether a folder is one that segkit builds or built: of that name, and with the lock that it takes for it."""
    lock = path.with_name(path.name.removesuffix(BUILDING) + LOCK)
    return path.name.endswith(BUILDING) and not path.is_symlink() and lock.is_file() and not lock.is_symlink()


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `final` when the block ends well and vanishes when it does not.

    To be used while `locked(final)`; a folder that stands at `final` is replaced.
    """
    remove_left_over(final.parent)
    building = final.with_name(final.name + BUILDING)
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        yield building
        for path in (*building.rglob("*"), building):
            sync_folder(path)  # of files too: they are written by others
        if final.exists():
            shutil.rmtree(final)
        building.rename(final)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    sync_folder(final.parent)


def remove_left_over(folder: Path) -> None:
    """Remove what killed processes were building in `folder`; what is being built now is locked and stays."""
    for building in filter(is_building, folder.glob(f"*{BUILDING}")):
        with locked_if_free(building.with_name(building.name.removesuffix(BUILDING))) as held:
            if held:
                shutil.rmtree(building, ignore_errors=True)


if sys.platform == "win32":
    import msvcrt

    def lock_stream(stream: IO[bytes], *, wait: bool) -> bool:
        """Lock an open file until it is closed; returns False where another process holds it and `wait` is off."""
        while True:
            try:
                stream.seek(0)
                msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:  # LK_LOCK gives up after ten seconds
                if not wait:
                    return False
            else:
                return True

else:
    import fcntl

    def lock_stream(stream: IO[bytes], *, wait: bool) -> bool:
        """Lock an open file until it is closed; returns False where another process holds it and `wait` is off."""
        try:
            fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
