"""What the server removes and writes is its own: others' folders, links and what others are at stay as they are."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from pathlib import Path

import pytest

from segkit import SegkitError
from segkit_serve.cases import Cases, HeldCase
from segkit_serve.corrections import Corrections
from segkit_serve.limits import HOUR, Limits
from segkit_serve.refusal import RefusedError
from segkit_serve.removing import remove_folder

KEY = "0123456789abcdef0123"


def opened(folder: Path) -> Corrections:
    """The folder, as a server opens it."""
    return Corrections(folder, ("lesion",), 2)


def left_behind(place: Path, age: float) -> Path:
    """A version that was being written so many seconds ago."""
    new = place / ".new-abc"
    new.mkdir(parents=True)
    (new / "mask.png").write_bytes(b"mask")
    os.utime(new, (time.time() - age, time.time() - age))
    return new


def test_what_a_killed_server_left_goes_and_what_another_is_at_stays(tmp_path):
    """By its age: nothing takes an hour; and only right in a case's own folder."""
    kept = opened(tmp_path / "kept").folder / "versions"
    old, fresh = left_behind(kept / KEY, 2 * HOUR), left_behind(kept / KEY[::-1], 5)
    strange = left_behind(kept / "my notes", 2 * HOUR)
    opened(tmp_path / "kept")
    assert not old.exists()
    assert fresh.exists()
    assert strange.exists()


def test_links_lead_nowhere(tmp_path):
    """A case's folder or what was left, if a link, is not followed; a folder of the dataset that is one is refused."""
    theirs = left_behind(tmp_path / "theirs", 2 * HOUR)
    kept = opened(tmp_path / "kept").folder / "versions"
    (kept / KEY).symlink_to(theirs.parent)
    (kept / KEY[::-1]).mkdir()
    (kept / KEY[::-1] / ".new-link").symlink_to(theirs)
    opened(tmp_path / "kept")
    assert (theirs / "mask.png").exists()
    (tmp_path / "kept" / "masks").rmdir()
    (tmp_path / "kept" / "masks").symlink_to(tmp_path / "theirs")
    with pytest.raises(SegkitError, match="masks is a link"):
        opened(tmp_path / "kept")


@pytest.mark.parametrize("name", ["classes.toml", "notes.txt", "versions"])
def test_a_folder_of_something_else_is_refused(tmp_path, name):
    """Nothing in it is changed, though it be named like a part of a dataset."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_text("mine")
    with pytest.raises(SegkitError, match="holds something that is no corrections"):
        opened(folder)
    assert [entry.name for entry in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "mine"


def test_a_server_that_was_killed_while_it_began_is_gone_on_with(tmp_path):
    """All that a folder of corrections has is made again."""
    folder = opened(tmp_path / "kept").folder
    for name in ("images", "masks", "versions"):
        (folder / name).rmdir()
    assert opened(folder).versions(KEY) == []
    assert sorted(entry.name for entry in folder.iterdir()) == [
        "classes.toml",
        "corrections.json",
        "images",
        "masks",
        "versions",
    ]


def held(folder: Path, files: list[Path]) -> HeldCase:
    """A case of some files."""
    return HeldCase("id", folder, "photo.png", "photo", files, KEY + "f" * 44, 10)


@pytest.mark.parametrize("name", ["../../victim.txt", "/etc/hostname", "a/b.png", "", ".."])
@pytest.mark.parametrize("field", ["mask", "proposal", "dataset"])
def test_a_worker_names_files_of_the_new_folder_alone(tmp_path, name, field):
    """Anything else is refused before something is read, removed or written."""
    kept = opened(tmp_path / "kept")
    victim = tmp_path / "kept" / "versions" / "victim.txt"
    victim.write_text("here")
    case = held(tmp_path, [])
    new = kept.begin(case, 0)
    written = {"mask": "m.png", "proposal": "p.png", "dataset": "d.png", "pixels_changed": 0, "pixels": 1, field: name}
    with pytest.raises(RefusedError, match="no file of a plain name"):
        kept.finish(case, new, 0, written, {"arch": "a", "data": "d", "checkpoint": "c"}, "Ada")
    assert victim.read_text() == "here"
    assert not (new / "record.json").exists()


def test_a_series_is_kept_whole_or_not_at_all(tmp_path, monkeypatch):
    """A copy that fails leaves nothing behind that would pass for the series; the next one is whole."""
    kept = opened(tmp_path / "kept")
    series = tmp_path / "upload" / "series"
    series.mkdir(parents=True)
    for number in range(3):
        (series / f"upload{number:05d}.dcm").write_bytes(b"slice")
    case = held(tmp_path / "upload", sorted(series.iterdir()))
    case.series = series

    def full(source, target, **_):
        Path(target, "upload00000.dcm").write_bytes(b"slice")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(shutil, "copytree", full)
        with pytest.raises(OSError, match="No space left"):
            kept.keep_image(case)
    assert list((kept.folder / "series").iterdir()) == []
    kept.keep_image(case)
    assert len(list((kept.folder / "series" / KEY).iterdir())) == 3


def test_what_the_disk_does_not_let_go_is_told(tmp_path, monkeypatch, caplog):
    """A case is forgotten all the same, and who runs the server is told where an image may lie."""
    cases = Cases(tmp_path, Limits())
    _, folder = cases.new_folder()
    (folder / "photo.png").write_bytes(b"somebody's")
    cases.add(held(folder, [folder / "photo.png"]))

    def refuse(path, ignore_errors=False):
        if not ignore_errors:
            raise OSError(30, "Read-only file system")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with caplog.at_level(logging.WARNING):
        cases.remove("id")
    assert len(cases) == 0
    assert f"{folder} stays, and may hold an image: Read-only file system" in caplog.text


def test_a_folder_that_is_gone_is_no_news(tmp_path, caplog):
    """Nothing is said where nothing stays."""
    remove_folder(tmp_path / "gone")
    (tmp_path / "here").mkdir()
    remove_folder(tmp_path / "here")
    assert not (tmp_path / "here").exists()
    assert caplog.text == ""


def test_the_record_says_what_the_folder_is(tmp_path):
    """Another server's classes are refused by it."""
    about = json.loads((opened(tmp_path / "kept").folder / "corrections.json").read_text())
    assert about == {"format": 1, "classes": ["lesion"], "dims": 2}
    with pytest.raises(SegkitError, match="keeps corrections of"):
        Corrections(tmp_path / "kept", ("other",), 2)
