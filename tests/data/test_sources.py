"""Cases that are folders: their state and content are those of all files in them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from segkit.data.case import Case, Sample
from segkit.data.inventory import take_inventory
from segkit.data.sources import bytes_of, content_hash, state_of
from segkit.data.store import open_store
from segkit.declarations import Task


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A folder of two slices, one of them a folder deeper."""
    folder = tmp_path / "root" / "one"
    (folder / "deep").mkdir(parents=True)
    np.save(folder / "0.npy", np.zeros((4, 4), np.uint8))
    np.save(folder / "deep" / "1.npy", np.ones((4, 4), np.uint8))
    return folder


def test_a_file_is_its_content(tmp_path: Path) -> None:
    """The SHA-256 of a file is that of its bytes."""
    (tmp_path / "file").write_bytes(b"abc")
    assert content_hash(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()
    assert bytes_of(tmp_path / "file") == state_of(tmp_path / "file")[0] == 3


@pytest.mark.parametrize("change", ["content", "name", "more", "fewer"])
def test_a_folder_is_all_in_it(series: Path, change: str) -> None:
    """Another content, name or number of files is another folder, both by state and by content."""
    state, content = state_of(series), content_hash(series)
    deep = series / "deep" / "1.npy"
    if change == "content":
        deep.write_bytes(deep.read_bytes()[:-1] + b"\x07")
        os.utime(deep, ns=(1, 1))
    elif change == "name":
        deep.rename(series / "deep" / "2.npy")
    elif change == "more":
        (series / "note.txt").write_text("")
    else:
        deep.unlink()
    assert state_of(series) != state
    assert content_hash(series) != content


def test_its_files_are_used(series: Path) -> None:
    """The inventory counts every file in a case's folder as the case's."""
    (series.parent / "stray.txt").write_text("")
    found = take_inventory(series.parent, [Case("one", files=(series,))])
    assert found.used == ("one/0.npy", "one/deep/1.npy")
    assert [problem.file for problem in found.left_out] == ["stray.txt"]


class Folders:
    """A reader whose image is the mean of a folder's slices."""

    task = Task(1, ("spot",))
    reader_version = 1

    def read(self, case: Case) -> Sample:
        slices = [np.load(path) for path in sorted(case.files[0].rglob("*.npy"))]
        image = np.mean(slices, axis=0).astype(np.float32)[None]
        return Sample(image, (image[0] > 0.2).astype(np.uint8))


def test_a_store_is_built_again_when_a_slice_changes(series: Path, tmp_path: Path) -> None:
    """Equal folders share a store; a slice that changed is another one."""

    def open_it() -> bool:
        cases = [Case("one", files=(series,))]
        return open_store(Folders(), "folders", cases, (4, 4), folder=tmp_path / "stores", workers=0).was_built

    assert open_it()
    assert not open_it()
    np.save(series / "0.npy", np.full((4, 4), 9, np.uint8))
    assert open_it()
