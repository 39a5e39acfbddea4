"""The directory of a new run: taken at once, by one process, and given back as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segkit.errors import SegkitError, UsageError
from segkit.rundir.claim import check_output, new_run_folder
from segkit.rundir.lock import LOCK, is_being_written, locked_run


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def claimed(output: str | None, name: str = "x") -> Path:
    """Take a directory and let go of it, as a run that got through does."""
    with new_run_folder(None if output is None else Path(output), name, "format = 1\n") as claim:
        claim.keep()
        return claim.folder


def test_config_is_the_first_thing_in_it():
    """Whoever finds the directory can go on with it, from the first moment on; it is locked while it is written."""
    with new_run_folder(Path("a/b/run"), "x", "format = 1\n") as claim:
        assert {path.name for path in claim.folder.iterdir()} == {"config.toml", LOCK}
        assert is_being_written(claim.folder)
    assert not is_being_written(Path("a/b/run"))


def test_names_are_taken_in_their_order():
    """runs/x, then runs/x-2; a folder of somebody else is passed by, an empty one is used."""
    assert claimed(None) == Path("runs/x")
    assert claimed(None) == Path("runs/x-2")
    Path("runs/x-3").mkdir()
    Path("runs/x-3/notes.txt").touch()
    Path("runs/x-4").mkdir()
    assert claimed(None) == Path("runs/x-4")


def test_two_at_once_get_two():
    """A run that is under way keeps its directory, whether or not anything is in it yet."""
    with new_run_folder(None, "x", "") as one, new_run_folder(None, "x", "") as other:
        assert (one.folder, other.folder) == (Path("runs/x"), Path("runs/x-2"))
    Path("empty").mkdir()
    with new_run_folder(Path("empty"), "x", ""), pytest.raises(SegkitError, match="already holds something"):
        claimed("empty")


@pytest.mark.full
def test_eight_processes_at_once_get_eight():
    """As `segkit run --seed N &` in a loop does."""
    code = "import sys; from pathlib import Path; from segkit.rundir.claim import new_run_folder as new\n"
    code += "with new(None, 'x', 'format = 1') as claim: claim.keep(); sys.stdout.write(str(claim.folder))"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(8)]
    assert len({process.communicate()[0] for process in started}) == 8


def fail(folder: Path, *, also: str = "", kept: bool = False) -> None:
    """A run that ends with an error: before it trains, or later; perhaps after a plugin has written a file."""

    def run() -> None:
        with new_run_folder(folder, "x", "") as claim:
            (claim.folder / "environment.json").touch()
            if also:
                (claim.folder / also).touch()
            if kept:
                claim.keep()
            raise UsageError("no", "")

    with pytest.raises(UsageError):
        run()


def test_an_error_leaves_nothing_behind():
    """What was made for the run goes, its parents too; what was there before stays."""
    Path("mine").mkdir()
    fail(Path("mine/deep/run"))
    assert list(Path().rglob("*")) == [Path("mine")]


@pytest.mark.parametrize("how", ["empty", "link", "here"])
def test_a_folder_of_the_users_stays(how: str):
    """An empty one, one behind a link, the working directory itself: emptied of the run's files, and there."""
    Path("mine").mkdir()
    Path("link").symlink_to("mine")
    if how == "here":
        os.chdir("mine")
    folder = Path({"empty": "mine", "link": "link", "here": "."}[how])
    fail(folder)
    assert folder.is_dir()
    assert not list(folder.iterdir())
    assert claimed(str(folder)) == folder


def test_what_somebody_else_wrote_there_is_not_removed():
    """With a stranger's file in it the directory stays as it is, to be gone on with."""
    fail(Path("run"), also="events.tfevents")
    assert {path.name for path in Path("run").iterdir()} == {"config.toml", "environment.json", LOCK, "events.tfevents"}


def test_once_training_has_begun_nothing_is_removed():
    """An error after that leaves the run, to be gone on with."""
    fail(Path("run"), kept=True)
    assert Path("run/config.toml").exists()


@pytest.mark.parametrize("what", ["file", "dangling", "full"])
def test_what_is_no_place_for_a_run_is_refused(what: str):
    """A file, a link to nothing, a folder with something in it: at once, and left alone."""
    Path("file").touch()
    Path("dangling").symlink_to("nowhere")
    Path("full").mkdir()
    Path("full/config.toml").touch()
    with pytest.raises(SegkitError, match="already holds something"):
        claimed(what)
    if what != "dangling":
        with pytest.raises(SegkitError, match="already holds something"):
            check_output(what)
    assert not Path("nowhere").exists()


def test_what_was_killed_before_its_config_can_be_used():
    """A lock and a part of a file are no run."""
    Path("run").mkdir()
    Path("run", LOCK).touch()
    Path("run/.segkit-0123456789abcdef.part").touch()
    check_output("run")
    assert claimed("run") == Path("run")
    assert {path.name for path in Path("run").iterdir()} == {"config.toml", LOCK}


def test_a_run_is_written_by_one_process_at_a_time():
    """The second one is told so; the lock ends with the process that holds it, however that ends."""
    Path("run").mkdir()
    with (
        locked_run(Path("run")),
        pytest.raises(SegkitError, match="being written by another process"),
        locked_run(Path("run")),
    ):
        raise AssertionError
    code = "import os, signal; from pathlib import Path; from segkit.rundir.lock import take_lock\n"
    code += "held = take_lock(Path('run')); os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code], check=False)
    with locked_run(Path("run")):
        assert is_being_written(Path("run"))


def test_a_file_system_without_locks_keeps_nobody_out(monkeypatch):
    """Some network file systems have none: the run goes on."""
    import errno

    def refuse(*_: object, **__: object) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("segkit.rundir.lock.lock_stream", refuse)
    assert claimed("run") == Path("run")


def test_a_directory_that_cannot_be_made_is_a_sentence():
    """A file stands where runs/ would be: named, with what can be said instead."""
    Path("runs").touch()
    with pytest.raises(SegkitError, match=r"cannot make the run directory runs/a: .*name another --output"):
        claimed(None, "a")
    with pytest.raises(SegkitError, match="cannot make the run directory runs/b/c"):
        claimed("runs/b/c")
