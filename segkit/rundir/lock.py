"""One process at a time writes a run: a lock on a file in its directory, which ends with the process that holds it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from segkit.data.folders import lock_stream, open_lock
from segkit.errors import SegkitError
from segkit.files import open_regular
from segkit.rundir.names import LOCK

WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""A file system that has no locks (some NFS, Lustre): nobody can be kept out there, and nobody is."""
TRIES, PAUSE = 5, 0.1
"""Whoever only looks whether a run is being written holds its lock for a moment."""


@contextmanager
def locked_run(folder: Path) -> Iterator[None]:
    """Hold the lock of a run directory.

    Raises:
        SegkitError: another process holds it, or the directory cannot be written.
    """
    with take_lock(folder):
        yield


def take_lock(folder: Path) -> BinaryIO:
    """Return the stream that holds the lock of a run directory until it is closed; raises as `locked_run` does."""
    try:
        stream = try_lock(folder)
    except OSError as error:
        raise SegkitError(f"{folder} cannot be written: {error.strerror}", "check its permissions") from None
    if stream is None:
        raise SegkitError(f"{folder} is being written by another process", "wait until that ends, or stop it")
    return stream


def try_lock(folder: Path) -> BinaryIO | None:
    """Return the stream that holds the lock, or None where another process holds it; raises OSError."""
    path = folder / LOCK
    for _ in range(TRIES):
        stream = open_lock(path)
        try:
            if lock_stream(stream, wait=False) and is_file_of(stream, path):
                return stream
        except OSError as error:
            if error.errno in WITHOUT_LOCKS:
                return stream
            stream.close()
            raise
        stream.close()
        time.sleep(PAUSE)
    return None


def is_file_of(stream: BinaryIO, path: Path) -> bool:
    """Whether what was locked still stands there: a run that undoes what it made removes its lock, too."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except OSError:
        return False


def is_being_written(folder: Path) -> bool:
    """Whether a process holds the lock of a run directory right now."""
    try:
        with open_regular(folder / LOCK) as stream:
            return not lock_stream(stream, wait=False)
    except OSError:
        return False
