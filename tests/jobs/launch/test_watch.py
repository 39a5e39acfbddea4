"""Jobs are submitted, watched and taken up again, whatever happens to one of them or to the command."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from segkit.engine.stop import Stopped
from segkit.errors import SegkitError
from segkit.jobs.launch import watch
from segkit.jobs.launch.engine import Engine
from segkit.jobs.launch.watch import Watch, carry_out
from segkit.rundir.lock import take_lock

from .conftest import Silent, Told


def test_all_are_carried_out(jobs_named, stand_in, tmp_path) -> None:
    """Every run is finished, two at a time and no more."""
    jobs = jobs_named("a", "b", "c", "d", "e")
    told = Told()
    assert carry_out(jobs, Engine("x", stand_in, 2), tmp_path / "logs", told) == {}
    assert all(job.finished for job in jobs)
    assert stand_in.most == 2
    assert [line for line in told.lines if "] c:" in line] == [
        f"[3/5] c: {news}" for news in ("submitted", "running", "finished")
    ]


def test_a_failed_job_shows_its_own_error_and_the_others_go_on(jobs_named, stand_in, tmp_path) -> None:
    """What the job said last, what its engine says of it; the next command tries it again."""
    jobs = jobs_named("bad", "killed", "good")
    failed = carry_out(jobs, Engine("x", stand_in, None), tmp_path / "logs", Told())
    assert failed == {"bad": "no such case; look again", "killed": "OUT_OF_MEMORY"}
    assert jobs[2].finished
    again = Told()
    carry_out(jobs, Engine("x", stand_in, None), tmp_path / "logs", again)
    assert "[3/3] good: finished before" in again.lines
    assert "[1/3] bad: submitted" in again.lines


def test_what_a_killed_command_submitted_is_not_submitted_twice(jobs_named, stand_in, tmp_path, monkeypatch) -> None:
    """Jobs go on under the ids that were written down; those of another engine are submitted anew."""
    jobs = jobs_named("a")
    first = Watch(jobs, Engine("x", stand_in, 1), Told())
    first.submit(first.take_up())
    submit = stand_in.submit
    monkeypatch.setattr(stand_in, "submit", lambda *_: pytest.fail("submitted twice"))
    told = Told()
    assert carry_out(jobs, Engine("x", stand_in, 1), tmp_path / "logs", told) == {}
    assert told.lines[0] == "[1/1] a: running, submitted before"
    monkeypatch.setattr(stand_in, "submit", submit)
    other = jobs_named("b")
    watching = Watch(other, Engine("x", stand_in, 1), Told())
    watching.submit(watching.take_up())
    assert Watch(other, Engine("y", stand_in, 1), Told()).take_up() == other


def test_a_run_that_somebody_writes_is_waited_for(jobs_named, stand_in, tmp_path) -> None:
    """Killed between submitting and writing the id down, a command finds its job by the run's lock."""
    [job] = jobs_named("killed")
    job.prepare()
    with take_lock(job.folder):
        watching = Watch([job], Engine("x", stand_in, None), Told())
        assert watching.take_up() == []
        watching.look()
        assert watching.live
    watching.look()
    assert watching.failed == {"killed": f"it ended without a word; what it printed: {job.logs}"}


def test_a_launcher_that_raises_is_the_jobs_failure(jobs_named, stand_in, tmp_path, monkeypatch) -> None:
    """Submitting fails: the reason names the launcher, and the run's directory is free for other settings."""

    def submit(*_):
        raise RuntimeError("no route to host")

    monkeypatch.setattr(stand_in, "submit", submit)
    jobs = jobs_named("a", "b")
    failed = carry_out(jobs, Engine("x", stand_in, None), tmp_path / "logs", Told())
    assert set(failed) == {"a", "b"}
    for sentence in failed.values():
        assert sentence.startswith("launcher x: submit failed: RuntimeError: no route to host")
        assert sentence.endswith("; see whether its engine runs, or report it to its author")
    assert not jobs[0].folder.exists()


def test_a_launcher_that_raises_at_the_end_costs_nothing(jobs_named, stand_in, tmp_path, monkeypatch) -> None:
    """The runs are finished: what closing raises is said, and no reason why the table should not be made."""

    def close() -> None:
        raise TimeoutError("it does not end")

    monkeypatch.setattr(stand_in, "close", close, raising=False)
    told = Told()
    assert carry_out(jobs_named("a"), Engine("x", stand_in, None), tmp_path / "logs", told) == {}
    assert told.lines[-1].startswith("launcher x: close failed: TimeoutError: it does not end")


@pytest.mark.parametrize("method", ["state", "reason", "cancel"])
def test_whatever_a_launcher_raises_is_its_own(jobs_named, stand_in, tmp_path, monkeypatch, method) -> None:
    """While it watches: asked again, or told without what it would have said; never the end of the others."""
    once = []
    answer = getattr(stand_in, method)

    def first(*values):
        once.append(values)
        if len(once) == 1:
            raise OSError("connection reset")
        return answer(*values)

    monkeypatch.setattr(stand_in, method, first)
    jobs = jobs_named("killed", "good")
    failed = carry_out(jobs, Engine("x", stand_in, None), tmp_path / "logs", Told())
    assert [*failed] == ["killed"]
    assert jobs[1].finished


def test_what_another_has_made_of_a_refused_jobs_directory_stays(jobs_named, stand_in, tmp_path, monkeypatch) -> None:
    """A run that somebody writes there, and one that has trained, are not taken back with it."""
    jobs = jobs_named("a", "b")
    held = []

    def submit(arguments, folder):
        run = tmp_path / "runs" / folder.name
        if folder.name == "a":
            held.append(take_lock(run))
        else:
            (run / "history.jsonl").write_text("")
        raise RuntimeError("no route to host")

    monkeypatch.setattr(stand_in, "submit", submit)
    carry_out(jobs, Engine("x", stand_in, None), tmp_path / "logs", Told())
    for lock in held:
        lock.close()
    assert [(job.folder / "config.toml").exists() for job in jobs] == [True, True]


def test_a_job_that_cannot_be_written_down_is_watched_all_the_same(jobs_named, stand_in, tmp_path, monkeypatch) -> None:
    """The disk is full after the engine has taken the jobs: said, and both end well."""

    def full(*_):
        raise SegkitError("cannot write job.json: No space left on device", "free some space")

    monkeypatch.setattr("segkit.jobs.launch.job.write_json", full)
    stand_in.submit_all = lambda jobs, _: [stand_in.submit(*job) for job in jobs]
    jobs, told = jobs_named("a", "b"), Told()
    assert carry_out(jobs, Engine("x", stand_in, None), tmp_path / "logs", told) == {}
    assert all(job.finished for job in jobs)
    assert "[2/2] b: submitted, and not written down: cannot write job.json: No space left on device" in told.lines[1]


def test_the_error_of_a_try_before_is_not_this_ones(jobs_named, stand_in, tmp_path) -> None:
    """Engines append to a log; what it said when the job was last tried is gone."""
    [job] = jobs_named("killed")
    job.logs.mkdir(parents=True)
    (job.logs / "job.log").write_text("error: of yesterday\n")
    assert carry_out([job], Engine("x", stand_in, None), tmp_path / "logs", Told()) == {"killed": "OUT_OF_MEMORY"}


def test_a_log_that_is_none_says_nothing(jobs_named, stand_in, tmp_path) -> None:
    """A pipe in its place is not waited for, and what the engine says is told still."""
    [job] = jobs_named("killed")
    watching = Watch([job], Engine("x", stand_in, None), Told())
    job.logs.mkdir(parents=True)
    os.mkfifo(job.logs / "job.log")
    assert watching.why(job, str(job.folder)) == "OUT_OF_MEMORY"


def test_an_engine_that_does_not_answer_is_asked_again(jobs_named, trained_toy, tmp_path) -> None:
    """Its daemon is started again: said once, and all ends well."""
    launcher, told = Silent(trained_toy), Told()
    assert carry_out(jobs_named("a"), Engine("x", launcher, None), tmp_path / "logs", told) == {}
    assert [line for line in told.lines if "asking again" in line] == [
        "launcher stand-in: slurmctld does not answer; asking again"
    ]


def test_an_engine_that_never_answers_again_ends_the_command(jobs_named, trained_toy, tmp_path, monkeypatch) -> None:
    """After a time, with the way to go on."""
    launcher = Silent(trained_toy)
    launcher.silences = 10**9
    monkeypatch.setattr(watch, "PATIENCE", -1.0)
    with pytest.raises(SegkitError, match="does not answer; its jobs may go on; the same command takes them up"):
        carry_out(jobs_named("a"), Engine("x", launcher, None), tmp_path / "logs", Told())


@pytest.mark.parametrize("goes_on", [True, False])
def test_stopping(jobs_named, stand_in, tmp_path, monkeypatch, goes_on) -> None:
    """Jobs of this machine are stopped with the command; those of a cluster go on, which is said."""
    stand_in.goes_on = goes_on
    told = Told()

    def interrupted(self: Watch) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "look", interrupted)
    [job] = jobs_named("killed")
    with pytest.raises(Stopped) as stop:
        carry_out([job], Engine("x", stand_in, None), tmp_path / "logs", told)
    assert stop.value.exit_code == 128 + signal.SIGINT
    assert stand_in.cancelled == ([] if goes_on else [str(job.folder)])
    assert (told.lines[-1] == "1 jobs go on in x; the same command takes them up") == goes_on


def test_what_cannot_be_stopped_is_said(jobs_named, stand_in, tmp_path, monkeypatch) -> None:
    """The others are stopped all the same."""
    jobs = jobs_named("a", "b")
    stand_in.goes_on = False
    cancel = stand_in.cancel

    def some(id):
        if id.endswith("a"):
            raise RuntimeError("no such process")
        cancel(id)

    monkeypatch.setattr(stand_in, "cancel", some)
    told = Told()
    watching = Watch(jobs, Engine("x", stand_in, None), told)
    watching.submit(watching.take_up())
    watching.stop()
    assert stand_in.cancelled == [str(jobs[1].folder)]
    wanted = "[1/2] a: not stopped: launcher x: cancel failed: RuntimeError: no such process"
    assert any(line.startswith(wanted) for line in told.lines)


def test_two_commands_on_one_folder(jobs_named, stand_in, tmp_path) -> None:
    """The second one is refused."""
    from segkit.data.folders import locked

    (tmp_path / "logs").mkdir()
    with locked(tmp_path / "logs" / "jobs"), pytest.raises(SegkitError, match="another command watches the jobs"):
        carry_out(jobs_named("a"), Engine("x", stand_in, None), tmp_path / "logs", Told())


def test_a_full_shared_disk(jobs_named, stand_in, tmp_path, monkeypatch) -> None:
    """A run whose directory cannot be made has failed with the reason; nothing is left of it."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("segkit.files.writing.new_part", full)
    jobs = jobs_named("a")
    failed = carry_out(jobs, Engine("x", stand_in, None), tmp_path / "logs", Told())
    assert failed == {
        "a": "cannot write config.toml: No space left on device; free some space or choose another --output"
    }
    assert not jobs[0].folder.exists()
