"""The time of a job by stage, over all processes that it has had."""

from types import SimpleNamespace

import pytest

from segkit.jobs import job as module
from segkit.jobs.job import Job


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes when it is told to."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now.seconds)
    return now


def make_job() -> Job:
    """A job of nothing."""
    return Job(*(None,) * 7)


def test_stages_are_timed_and_the_one_under_way_counts(clock: SimpleNamespace) -> None:
    """What a resume state is told in the middle of a stage is what that took so far."""
    job = make_job()
    with job.timed("data"):
        clock.seconds += 3
    clock.seconds += 100  # between stages nothing runs
    with job.timed("train"):
        clock.seconds += 5
        assert job.spent() == {"data": 3, "train": 5}
        assert job.seconds == {"data": 3}
        clock.seconds += 2
    assert job.spent() == job.seconds == {"data": 3, "train": 7}


def test_a_stage_that_is_entered_again_goes_on(clock: SimpleNamespace) -> None:
    """Its seconds are added up."""
    job = make_job()
    for seconds in (3, 4):
        with job.timed("train"):
            clock.seconds += seconds
    assert job.seconds == {"train": 7}


def test_seconds_of_the_processes_before_are_kept(clock: SimpleNamespace) -> None:
    """A run that was stopped twice does not look cheap: what it had spent is added, in the middle of a stage too."""
    job = make_job()
    with job.timed("data"):
        clock.seconds += 1
    with job.timed("train"):
        job.add_spent({"data": 10.0, "train": 100.0, "evaluate": 7.0})
        clock.seconds += 5
        assert job.spent() == {"data": 11, "train": 105, "evaluate": 7}
    assert job.seconds == {"data": 11, "train": 105, "evaluate": 7}
