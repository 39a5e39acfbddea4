"""Reading that comes to an end: a file whose disk or server does not answer stops its case, not all others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from segkit.data.case import Case, Sample
from segkit.data.dataset import DatasetReader
from segkit.errors import SegkitError

SECONDS = 600.0
"""For one case; 735 planes of 512 x 512 from a compressed file take 6 (issue 19 asks for a bound)."""
ANSWERS = "see whether its disk or server answers; copy it to a disk of this machine"

Read = TypeVar("Read")


def in_time(read: Callable[[], Read], called: str) -> Read:
    """Return what `read` does, in a thread of its own: nothing else comes back from a call that the system holds up.

    Args:
        called: what is read, as the sentence names it.

    Raises:
        SegkitError: it takes longer than SECONDS; the thread is left behind, and ends with the process.
    """
    answer: Future[Read] = Future()

    def work() -> None:
        try:
            answer.set_result(read())
        except BaseException as error:  # raised again below, where it is asked for
            answer.set_exception(error)

    # Not a pool's thread: the interpreter waits for these at its end.
    Thread(target=work, name="segkit-read", daemon=True).start()
    try:
        return answer.result(SECONDS)
    except TimeoutError:
        if answer.done():  # the reader's own
            raise
        raise SegkitError(f"{called} was not read within {SECONDS:g} seconds", ANSWERS) from None


def read_case(reader: DatasetReader, case: Case) -> Sample:
    """Read one case, as everything outside of a reader does; raises what it does, and SegkitError after SECONDS."""
    return in_time(lambda: reader.read(case), f"case {case.id}")
