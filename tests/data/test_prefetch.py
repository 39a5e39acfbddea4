from __future__ import annotations

import threading

import pytest

from segkit.data.prefetch import prefetch, prefetch_and_finish


def data_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("segkit-data")]


def _collect(iterator, seen: list) -> None:
    for result in iterator:
        seen.append(result)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_order(workers):
    """They are those of map, for any number of workers."""
    assert list(prefetch(lambda number: number**2, range(50), workers)) == [number**2 for number in range(50)]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_error_comes_at_its_turn_as_it_was_raised(workers):
    """What came before is handed out first; then the very exception, and no thread is left."""
    cause = OSError("the disk is gone")

    def work(number: int) -> int:
        if number == 5:
            raise cause
        return number

    seen = []
    iterator = prefetch(work, range(9), workers)
    with pytest.raises(OSError, match="the disk is gone") as raised:
        _collect(iterator, seen)
    assert raised.value is cause
    assert seen == [0, 1, 2, 3, 4]
    assert not data_threads()


def test_no_more_than_the_window_is_taken_ahead():
    """Items are drawn from their source as results are consumed, so memory is bounded."""
    taken = []

    def source():
        for number in range(100):
            taken.append(number)
            yield number

    iterator = prefetch(lambda number: number, source(), 3)
    next(iterator)
    assert len(taken) == 6
    iterator.close()


def test_closing_ends_the_threads():
    """No thread outlives an iterator that is left in the middle."""
    iterator = prefetch(lambda number: number, range(100), 2)
    next(iterator)
    assert data_threads()
    iterator.close()
    assert not data_threads()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_are_finished_by_the_caller_before_the_next_is_begun(workers):
    """Every result passes through the second function, in order and in this thread, before the window moves on."""
    taken, during = [], []

    def source():
        for number in range(20):
            taken.append(number)
            yield number

    def finish(number: int) -> str:
        during.append((threading.current_thread(), len(taken)))
        return str(number)

    found = list(prefetch_and_finish(lambda number: number**2, finish, source(), workers))
    assert found == [str(number**2) for number in range(20)]
    assert {thread for thread, _ in during} == {threading.current_thread()}
    assert [count for _, count in during] == [min(20, max(1, 2 * workers) + number) for number in range(20)]
