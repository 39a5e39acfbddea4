"""The line of a stage under way: what it is, how far it is, its figures and the time left, as far as there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.progress import ProgressColumn

from segkit.engine.plain_progress import duration
from segkit.report.layout import cells_of

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.table import Table

LONGEST, SHORTEST = 40, 10
"""Signs of a bar; below the shortest it says nothing that the count does not."""


class Bar(ProgressColumn):
    """All of a stage's line as one column, for columns of their own are cut off where a window is narrow.

    Args:
        width: tells the window's width, which may change.
    """

    def __init__(self, width: Callable[[], int]) -> None:
        super().__init__()
        self._width = width

    def render(self, task: Task) -> Table:
        """Return the line."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        name, count = task.description, f"{task.completed:.0f}/{task.total or 0:.0f}"
        told = choices(task.fields["told"], time_left(task), task.fields["epochs"], task.fields["all_left"])
        width = self._width()
        if cells_of(name) + cells_of(count) >= width:
            name = name[: max(width - cells_of(count) - 1, 0)]
        wide, behind = fitted(name, count, told, width)
        table = Table.grid(padding=0)
        cells: list[str | ProgressBar] = [f"{name} "]
        if wide:
            cells += [ProgressBar(total=task.total, completed=task.completed, width=wide), " "]
        table.add_row(*cells, behind)
        return table


def time_left(task: Task) -> str:
    """The time that the stage goes on, empty where that is not known yet."""
    seconds = task.time_remaining
    return "" if seconds is None or not task.completed else f"{duration(seconds)} left"


def fitted(name: str, count: str, figures: Iterable[Sequence[str]], width: int) -> tuple[int, str]:
    """Return how long the bar is, 0 where there is no room for one, and what stands behind it.

    Args:
        figures: what may stand there beside the count, the most first.
    """
    room = width - cells_of(name) - 1
    texts = ["  ".join(filter(None, [count, *chosen])) for chosen in figures]
    for least in (SHORTEST + 1, 0):
        for text in texts:
            free = room - cells_of(text)
            if free >= least:
                return (min(LONGEST, free - 1) if least else 0), text
    return 0, count[: max(room, 0)]


def choices(told: str, left: str, epochs: int, all_left: str) -> Iterator[Sequence[str]]:
    """Yield what may be shown, the most first: of the two times that of all epochs counts more, then the loss.

    Args:
        told: the stage's own figures.
        left: how long it goes on.
        all_left: how long all `epochs` go on, "" outside of them.
    """
    both = [f"all {epochs} epochs: {all_left} left", f"all: {all_left} left"] if all_left else [left, left]
    yield told, left, both[0] if all_left else ""
    yield told, both[0]
    yield told, both[1]
    yield (both[1],)
    yield (told,)
    yield ()
