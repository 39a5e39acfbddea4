"""How many cases are read at once: as many as there are threads, of large photographs as many as have room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Condition

from segkit.data.case import Case, Problem
from segkit.data.image_files import SUFFIXES, open_image

PIXELS = 100_000_000
"""That are decoded at once, at seven to ten bytes each: two threads took 4.3 GiB for two photographs of 9000 x 9000,
each of them less than Pillow's limit (issue 19)."""
THREADS = 4

_room = Condition()
_taken = 0


@contextmanager
def room_for(files: Sequence[Path]) -> Iterator[None]:
    """Wait until the photograph of a case's files has room beside those that other threads read; one always has.

    Not to be asked for by a thread that has room already.
    """
    global _taken
    wanted = pixels_of(files)
    with _room:
        _room.wait_for(lambda: _taken == 0 or _taken + wanted <= PIXELS)
        _taken += wanted
    try:
        yield
    finally:
        with _room:
            _taken -= wanted
            _room.notify_all()


def pixels_of(files: Sequence[Path]) -> int:
    """Return how many pixels the first file says that it has; 0 where it is no photograph, or cannot be read."""
    if not files or not files[0].name.lower().endswith(SUFFIXES):
        return 0
    try:
        with open_image(files[0]) as opened:
            return opened.width * opened.height
    except Exception:  # what is wrong with it is told where it is read; Pillow's bound is an exception of its own
        return 0


def check_each(
    check: Callable[[Case], Problem | None], cases: Sequence[Case], progress: Callable[[int, int], None] | None
) -> list[Problem]:
    """Check cases by threads and return what is wrong, in their order.

    Args:
        check: reads one case; returns what is wrong with it.
        progress: told how many are done, of how many.
    """

    def checked(case: Case) -> Problem | None:
        with room_for(case.files):
            return check(case)

    problems = []
    with ThreadPoolExecutor(THREADS) as pool:
        for done, problem in enumerate(pool.map(checked, cases), 1):
            problems += [problem] if problem is not None else []
            if progress is not None:
                progress(done, len(cases))
    return problems
