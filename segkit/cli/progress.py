"""Show a run's progress: live bars on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from segkit.cli import output
from segkit.engine.plain_progress import PlainProgress, duration
from segkit.engine.progress import JobRow, Progress
from segkit.errors import printable
from segkit.report.layout import cells_of, wrapped

if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import TaskID
    from rich.table import Table


STYLES = {"warning": "bold yellow", "error": "bold red"}
"""What a line may begin with, and how that is written, as everywhere else."""


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
    table = Table("run", "is", "how far", box=None, pad_edge=False, caption=caption, caption_justify="left")
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
        from rich.progress import Progress as Bars

        from segkit.cli.bar import Bar

        self._console = output.console(stderr=True)
        self._bars = Bars(Bar(lambda: self._console.width), console=self._console, transient=True)
        self._task: TaskID | None = None
        self._jobs: Live | None = None

    def start(self, stage: str, total: int, unit: str) -> None:
        """Show a bar."""
        super().start(stage, total, unit)
        self._bars.start()
        self._task = self._bars.add_task(printable(stage), total=total, told="", epochs=self._epochs, all_left="")

    def advance(self, count: int = 1, details: Mapping[str, float] | None = None) -> None:
        """Move the bar."""
        if self._task is not None:
            told = [f"{name} {value:.4f}" for name, value in (details or {}).items()]
            left = self.all_left(count)
            every = duration(left) if left else ""
            self._bars.update(self._task, advance=count, told=printable("  ".join(told)), all_left=every)

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
        """Print a line above the bars, a warning's first word in its colour."""
        from rich.text import Text

        line = Text(wrapped(printable(text), self._console.width))
        for word, style in STYLES.items():
            if text.startswith(f"{word}:"):
                line.stylize(style, 0, len(word))
        self._console.print(line, soft_wrap=True)

    def show_epoch(self, parts: Sequence[str]) -> None:
        """Print what there is to say of an epoch above the bars, no figure apart from its name."""
        from rich.text import Text

        text, column, width = Text(), 0, self._console.width
        for number, part in enumerate(map(printable, parts)):
            if number and column + 2 + cells_of(part) > width:
                text.append("\n")
                column = 0
            shown = wrapped(f"  {part}" if number else part, width, "  ")
            text.append(shown, style="bold cyan" if number == 0 else "green" if part.startswith("val/") else "")
            column += cells_of(shown.rpartition("\n")[2])
        self._console.print(text, soft_wrap=True)
