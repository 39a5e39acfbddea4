"""A limit of time for one check: what hangs is ended, and named."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LIMIT = 120.0
"""Seconds that a check may take: the slowest of the built-in plugins takes 10 on two busy cores."""
AGAIN = 5.0
"""Seconds after which a plugin that went on, since it catches everything, is interrupted once more."""


class TookTooLongError(BaseException):
    """A check was interrupted. Not an Exception: `except Exception` in a plugin's loop must not keep it going."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TookTooLongError inside of the block after so many seconds.

    By the alarm of POSIX, which interrupts sleep, locks and child processes as well; without one, or outside of the
    main thread, nothing is limited here.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = True

    def ring(_signal: int, _frame: FrameType | None) -> None:
        if armed:
            raise TookTooLongError(f"{seconds:g} s were over")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
