"""Show a run's progress: live bars on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from segkit.engine.plain_progress import PlainProgress, duration
from segkit.engine.progress import JobRow, Progress
from segkit.errors import printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import TaskID
    from rich.table import Table


def make_progress() -> Progress:
    """Return the watcher that suits stderr."""
    progress = LiveProgress() if sys.stderr.isatty() else PlainProgress()
    # What the core logs, such as a damaged store that is built again, is for the user to read.
    logger = logging.getLogger("segkit")
    logger.handlers = [MessageHandler(progress)]
    logger.propagate = False
    return progress


def jobs_table(rows: Sequence[JobRow], counts: Mapping[str, int]) -> Table:
    """The table of jobs, with what all of them come to below it."""
    from rich.table import Table
    from rich.text import Text

    caption = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    table = Table("run", "is", "trained", box=None, pad_edge=False, caption=caption, caption_justify="left")
    for row in rows:
        table.add_row(
            *(Text(printable(cell), overflow="ellipsis", no_wrap=True) for cell in (row.name, row.state, row.details))
        )
    return table


class MessageHandler(logging.Handler):
    """Shows what the core logs as messages."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.WARNING)
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        self._progress.message(f"{record.levelname.lower()}: {record.getMessage()}")


class LiveProgress(PlainProgress):
    """Live bars with rich, or a table of jobs; messages and epoch lines stay above them."""

    shows_jobs = True

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[details]}", markup=False),
            TimeRemainingColumn(),
        )
        self._bars = Bars(*columns, console=self._console, transient=True)
        self._task: TaskID | None = None
        self._jobs: Live | None = None

    def start(self, stage: str, total: int, unit: str) -> None:
        """Show a bar."""
        super().start(stage, total, unit)
        self._bars.start()
        self._task = self._bars.add_task(printable(stage), total=total, details="")

    def advance(self, count: int = 1, details: Mapping[str, float] | None = None) -> None:
        """Move the bar."""
        if self._task is not None:
            told = [f"{name} {value:.4f}" for name, value in (details or {}).items()]
            left = self.all_left(count)
            shown = "  ".join([*told, f"all {self._epochs} epochs: {duration(left)} left"] if left else told)
            self._bars.update(self._task, advance=count, details=printable(shown))

    def all_left(self, count: int) -> float | None:
        """Seconds left of all epochs, by the steps since the first of them began; None outside of them."""
        if not self._in_epoch or self._first_epoch is None or not self._total:
            return None
        self._steps_done += count
        done = self._epochs_seen + min(self._steps_done / self._total, 1.0)
        to_do = self._epochs - self._begun + 1
        return (time.monotonic() - self._first_epoch) * max(to_do / done - 1, 0.0) if done else None

    def finish(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        self._bars.stop()
        super().finish()

    def jobs(self, rows: Sequence[JobRow], counts: Mapping[str, int]) -> None:
        """Show a table of jobs, or take it away."""
        from rich.live import Live

        if not rows:
            self.close()
            return
        if self._jobs is None:
            self._jobs = Live(console=self._console, transient=True, auto_refresh=False)
            self._jobs.start()
        self._jobs.update(jobs_table(rows, counts), refresh=True)

    def close(self) -> None:
        """Take bars and table away and give the terminal back."""
        self._bars.stop()
        if self._jobs is not None:
            self._jobs.stop()
            self._jobs = None

    def show(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(printable(text), highlight=False, markup=False)
