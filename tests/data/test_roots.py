from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from segkit import SegkitError, param
from segkit.data.roots import MARKER, cache_folder, find_root


@dataclass(frozen=True)
class Params:
    seed: int = param(0, "Seed.")


class Reader:
    reader_version = 1

    @classmethod
    def make_sample(cls, root: Path, params: Params) -> None:
        (root / "images").mkdir()
        (root / "images" / "a.txt").write_text(f"seed {params.seed}")


class NoSample:
    reader_version = 1


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, and no data anywhere."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    return tmp_path / "cache"


def find(given=None, reader=Reader, params=None, **options):
    return find_root("blobs", given, "--data-root", reader, params or Params(), **options)


def test_a_given_folder_is_taken(tmp_path):
    """Whatever else there is, and the root says who named it."""
    (tmp_path / "mine").mkdir()
    root = find(str(tmp_path / "mine"))
    assert (root.path, root.source, root.generated) == (tmp_path / "mine", "--data-root", False)


def test_a_given_folder_that_is_wrong_is_an_error_never_a_fallback(tmp_path, cache):
    """Missing or a file: the message names the option and the path, and nothing is generated."""
    with pytest.raises(SegkitError, match=r"--data-root: folder .*nowhere does not exist"):
        find(str(tmp_path / "nowhere"))
    (tmp_path / "file").touch()
    with pytest.raises(SegkitError, match=r"--data-root: .*file is a file; give the folder"):
        find(str(tmp_path / "file"))
    assert not cache.exists()


def test_order_of_the_places(tmp_path, cache, monkeypatch):
    """SEGKIT_DATA/<name> before <cache>/data/<name> before the sample."""
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "all"))
    (tmp_path / "all").mkdir()
    assert find().source == "generated sample"
    (cache / "data" / "blobs").mkdir(parents=True)
    assert (find().path, find().source) == (cache / "data" / "blobs", "cache")
    (tmp_path / "all" / "blobs").mkdir()
    assert (find().path, find().source) == (tmp_path / "all" / "blobs", "SEGKIT_DATA")
    assert find_root("segkit-blobs:blobs", None, "", Reader, Params()).source == "SEGKIT_DATA"


def test_a_missing_segkit_data_is_an_error(tmp_path, monkeypatch):
    """A disk that is not mounted is not answered with a sample."""
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "unplugged"))
    with pytest.raises(SegkitError, match=r"SEGKIT_DATA: folder .*unplugged does not exist"):
        find()


def test_the_sample_is_made_once_and_marked(cache):
    """The marker says what it is, the second call reuses it, each set of params has its own."""
    told = []
    root = find(progress=told.append)
    assert root.generated
    assert root.path.parent == cache / "samples"
    assert (root.path / "images" / "a.txt").read_text() == "seed 0"
    marker = json.loads((root.path / MARKER).read_text())
    assert (marker["generated_sample"], marker["dataset"]) == (True, "blobs")
    assert find(progress=told.append) == root
    assert told == ["generating a sample of dataset blobs"]
    other = find(params=Params(seed=1))
    assert other.path != root.path
    assert (other.path / "images" / "a.txt").read_text() == "seed 1"


def test_a_sample_is_a_sample_however_it_was_given(tmp_path):
    """Its folder passed as --data-root, or moved: the marker goes with it."""
    root = find()
    given = find(str(root.path))
    assert (given.source, given.generated) == ("--data-root", True)
    moved = root.path.rename(tmp_path / "moved")
    assert find(str(moved)).generated


def test_no_data_and_no_sample_says_how_to_give_a_folder():
    """The names of the option and of the place are in the message."""
    with pytest.raises(SegkitError, match=r"no data for dataset blobs.*--data-root.*SEGKIT_DATA/blobs"):
        find(reader=NoSample)


def test_a_sample_that_fails_leaves_nothing(cache):
    """The plugin's own sentence comes through; an empty sample or a full disk is one, too."""

    class Failing(Reader):
        error: Exception | None = None

        @classmethod
        def make_sample(cls, root, params):
            if cls.error is not None:
                (root / "half").touch()
                raise cls.error

    with pytest.raises(SegkitError, match="empty sample"):
        find(reader=Failing)
    Failing.error = SegkitError("no seed", "give one")
    with pytest.raises(SegkitError, match="no seed"):
        find(reader=Failing)
    Failing.error = OSError(28, "No space left on device")
    with pytest.raises(
        SegkitError, match=r"generated sample of dataset blobs cannot be written.*No space.*SEGKIT_CACHE"
    ):
        find(reader=Failing)
    assert [path for path in (cache / "samples").iterdir() if path.is_dir()] == []


SCRIPT = textwrap.dedent(
    """
    import os, signal, sys, time
    from pathlib import Path
    from segkit.data.roots import find_root
    from segkit.params import NoParams

    class Reader:
        reader_version = 1

        @classmethod
        def make_sample(cls, root, params):
            (root / "first").write_text("1")
            if sys.argv[1] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            with open(sys.argv[2], "a") as log:
                log.write("made\\n")
            (root / "second").write_text("2")

    print(find_root("blobs", None, "", Reader, NoParams()).path)
    """
)


def start(what: str, log: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, what, str(log)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)


def test_killed_while_generating_and_generated_again_by_two_at_once(tmp_path, cache):
    """No half sample is ever taken, the left-over goes, and two processes make it once."""
    log = tmp_path / "log"
    assert start("kill", log).wait() == -signal.SIGKILL
    assert [path.suffix for path in (cache / "samples").iterdir() if path.is_dir()] == [".building"]
    both = [start("make", log) for _ in range(2)]
    paths = {process.communicate()[0].strip() for process in both}
    assert len(paths) == 1
    assert sorted(path.name for path in Path(paths.pop()).iterdir()) == ["first", MARKER, "second"]
    assert log.read_text() == "made\n"
    assert len([path for path in (cache / "samples").iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "home/.cache/segkit"),
        ("linux", {"XDG_CACHE_HOME": "{tmp}/xdg"}, "xdg/segkit"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache/segkit"),
        ("darwin", {}, "home/Library/Caches/segkit"),
        ("win32", {"LOCALAPPDATA": "{tmp}/local"}, "local/segkit"),
        ("linux", {"SEGKIT_CACHE": "{tmp}/own"}, "own"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(platform, environment, expected, tmp_path, monkeypatch):
    """SEGKIT_CACHE wins; a relative XDG_CACHE_HOME is ignored as its specification says."""
    for name in ("SEGKIT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(tmp=tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_folder() == tmp_path / expected


@pytest.fixture
def homeless(monkeypatch):
    """A user whom no list knows, without HOME, as in a container with an odd number."""
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "SEGKIT_CACHE", "XDG_CACHE_HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_home_the_variables_are_asked_first(homeless, tmp_path, monkeypatch):
    """SEGKIT_CACHE and XDG_CACHE_HOME need no home; with neither, a sentence says what to set."""
    with pytest.raises(SegkitError, match=r"no home folder.*set SEGKIT_CACHE"):
        cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "segkit"
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_without_a_home_data_that_are_named_are_found(homeless, tmp_path, monkeypatch):
    """Neither a given folder nor SEGKIT_DATA is looked for in a cache; a path in a home is a sentence."""
    (tmp_path / "data" / "own").mkdir(parents=True)
    assert find_root("own", str(tmp_path / "data"), "--data-root", Reader, Params()).path == tmp_path / "data"
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "data"))
    assert find_root("own", None, "", Reader, Params()).source == "SEGKIT_DATA"
    with pytest.raises(SegkitError, match="--data-root: ~/x is in a home folder that is not known"):
        find_root("own", "~/x", "--data-root", Reader, Params())
    monkeypatch.setenv("SEGKIT_DATA", "~/data")
    with pytest.raises(SegkitError, match="SEGKIT_DATA: ~/data is in a home folder"):
        find_root("own", None, "", Reader, Params())


def test_a_home_that_may_not_be_entered_holds_no_data(tmp_path, monkeypatch):
    """HOME=/root in a container of another user: nothing is found there, and nothing can be written."""
    real = os.stat

    def guarded(path, *args, **more):
        if str(path).startswith(str(tmp_path / "cache")):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **more)

    monkeypatch.setattr(os, "stat", guarded)
    monkeypatch.setattr(os, "mkdir", lambda path, *_, **__: guarded(path))
    with pytest.raises(SegkitError, match=r"sample .* cannot be written in .*Permission denied; .*SEGKIT_CACHE"):
        find_root("own", None, "", Reader, Params())
    with pytest.raises(SegkitError, match=r"--data-root: folder .* cannot be entered"):
        find_root("own", str(tmp_path / "cache"), "--data-root", Reader, Params())


def test_libraries_that_ask_for_the_user_are_answered(homeless, monkeypatch):
    """PyTorch's compiler and MONAI call getpass.getuser; a user without a name gets one from the number."""
    import getpass

    from segkit.files import name_the_user

    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    monkeypatch.setenv("LOGNAME", "nobody yet")  # so that it is gone again after the test
    monkeypatch.delenv("LOGNAME")
    name_the_user()
    assert getpass.getuser() == f"user-{os.getuid()}"
