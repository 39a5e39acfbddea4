"""Turn the callbacks of the data floor into progress on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from segkit.cli import output
from segkit.errors import one_line
from segkit.files import bytes_text

if TYPE_CHECKING:
    from segkit.engine.progress import Progress

SECONDS_BETWEEN_LINES = 5.0


class Stages:
    """Shows (stage, done, total) of cases or files."""

    def __init__(self, progress: Progress, unit: str) -> None:
        self._progress = progress
        self._unit = unit
        self._stage = ""
        self._done = 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note how far a stage is."""
        if stage != self._stage:
            self.finish()
            self._stage, self._done = stage, 0
            self._progress.start(stage, total, self._unit)
        self._progress.advance(done - self._done)
        self._done = done

    def finish(self) -> None:
        """End the stage under way."""
        if self._stage:
            self._progress.finish()
            self._stage = ""


class Bytes:
    """Shows (what, bytes done, bytes in all) line by line: the first, one every few seconds, and the last."""

    def __init__(self) -> None:
        self._what = ""
        self._told_at = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Note how far a transfer is."""
        now = time.monotonic()
        if what != self._what or done == total or now - self._told_at >= SECONDS_BETWEEN_LINES:
            self._what, self._told_at = what, now
            share = f" of {bytes_text(total)} ({done / total:.0%})" if total else ""
            output.say(f"{what}: {bytes_text(done)}{share}", err=True)

    def close(self) -> None:
        """End the display."""


class LiveBytes(Bytes):
    """Shows one bar per transfer, with its speed and the time left."""

    def __init__(self) -> None:
        super().__init__()
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=output.console(stderr=True))
        self._bars.start()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Move the transfer's bar."""
        if what != self._what:
            # A new bar, so that a transfer that goes on does not show the resumed part as its speed.
            self._what = what
            self._task = self._bars.add_task(one_line(what), total=total or None, completed=done)
        self._bars.update(self._task, completed=done, total=total or None)

    def close(self) -> None:
        """Leave the bars as they are and give the terminal back."""
        self._bars.stop()


def watch_bytes() -> Bytes:
    """Return the display that suits stderr."""
    return LiveBytes() if sys.stderr.isatty() else Bytes()
