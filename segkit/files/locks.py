"""One process at a time in a folder: the others are told, and nothing of theirs mixes with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segkit.errors import SegkitError


@contextmanager
def alone_in(folder: Path, doing: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a folder that is there, which the system lets go of however the process ends.

    The folder itself is locked: no file of the lock stays in it. Where the system knows no such locks (Windows, some
    network drives) nothing is held.

    Args:
        doing: what another process is at that holds it, such as "predicting into".
        wait: until nobody else holds it, for what is done in a moment.

    Raises:
        SegkitError: another process, or another thread, holds it, and `wait` is off.
    """
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SegkitError(
            f"another segkit is {doing} {folder}", "wait until it has ended, or name another --output"
        ) from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(descriptor)
