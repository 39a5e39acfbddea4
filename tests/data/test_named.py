"""What folders and files this user has named."""

import os
from pathlib import Path

import pytest

from segkit.data import named


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder and a cache of their own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state"


def test_what_was_named_is_known_by_any_of_its_names(state: Path, tmp_path: Path) -> None:
    """Relative, through a link, and with dots; a neighbour, a parent and a child are not."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    named.remember(Path("data"))
    assert all(named.is_known(Path(text)) for text in ("data", "link", f"{tmp_path}/data", "data/../data/"))
    assert not any(named.is_known(Path(text)) for text in ("data2", ".", "data/a", "", "/"))


def test_notes_are_kept_apart_from_the_cache(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's cache goes with its disk; where no state can be written, the cache has to do."""
    named.remember(Path("data"))
    assert not (tmp_path / "cache").exists()
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "other"))
    assert named.is_known(Path("data"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert not named.is_known(Path("data"))
    named.remember(Path("data"))
    assert named.is_known(Path("data"))
    assert (tmp_path / "other" / "named").is_dir()


def test_without_any_place_nothing_is_remembered(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is wrong with that: it is asked for again."""
    for name in ("XDG_STATE_HOME", "SEGKIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(named, "home_folder", lambda: None)
    monkeypatch.setattr("segkit.data.roots.home_folder", lambda: None)
    named.remember(Path("data"))
    assert not named.is_known(Path("data"))


def test_names_of_any_bytes_are_kept(state: Path) -> None:
    """Those that are no text, and those that no file can have."""
    for name in (os.fsdecode(b"caf\xe9"), "a\nb", "zero\0byte", "x" * 5000):
        assert not named.is_known(Path(name))
        named.remember(Path(name))
        assert named.is_known(Path(name))
