"""Stop a run when the user or a scheduler asks: after the step when training, at once elsewhere."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """The run was asked to stop and has saved what there was to save.

    Attributes:
        exit_code: 130 after Ctrl-C, 143 after SIGTERM.
        folder: the run's directory, to go on with; None where there is none yet.
    """

    folder: Path | None = None

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does: what is half done is put away, and a sentence says so.

    Only the main thread can; where SIGTERM is ignored or somebody handles it already, that stays.
    """
    alone = threading.current_thread() is threading.main_thread()
    if not alone or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, raise_stopped)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def raise_stopped(number: int, frame: FrameType | None) -> None:
    """Raise Stopped for a signal that has come."""
    raise Stopped(number)


class StopRequest:
    """Whether somebody has asked the run to stop.

    Args:
        tell: told in a sentence that the request was understood.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._finishing = False
        self._signal: int | None = None

    @contextmanager
    def listen(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM while the block runs; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # Ignored means that whoever started this process wants it so: a background job, nohup.
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._handle) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def finishing_steps(self) -> Iterator[None]:
        """Let `check` stop the block at its own places, instead of stopping it anywhere."""
        self._finishing = True
        try:
            yield
        finally:
            self._finishing = False

    @property
    def requested(self) -> bool:
        """Whether the block should save and call `check`."""
        return self._signal is not None

    def check(self, *, elsewhere: bool = False) -> None:
        """Raise Stopped where a stop was requested, of this process or, `elsewhere`, of another one of the run."""
        if self._signal is not None or elsewhere:
            raise Stopped(self._signal or signal.SIGTERM)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._finishing or self._signal is not None:
            raise Stopped(number)
        self._signal = number
        self._tell("stopping after this step; once more stops at once")
