"""Files are written whole or not at all."""

import json
import math
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from segkit.errors import SegkitError
from segkit.files import whole_folder, write_json, write_text, write_whole


def test_a_failing_write_leaves_what_was_there(tmp_path: Path) -> None:
    """A full disk in mid-file is a sentence; the older file and nothing else remains."""
    path = tmp_path / "scores.json"
    write_text(path, "old")

    def fill_disk(stream: BinaryIO) -> None:
        stream.write(b"half of the n")
        raise OSError(28, "No space left on device")

    with pytest.raises(SegkitError, match=r"scores\.json: No space left"):
        write_whole(path, fill_disk)
    assert [file.name for file in tmp_path.iterdir()] == ["scores.json"]
    assert path.read_text() == "old"


def test_what_json_has_not_is_null(tmp_path: Path) -> None:
    """Numbers that are not finite are null at any depth of what is written, so that whoever reads it can."""
    write_json(tmp_path / "x.json", {"score": math.inf, "each": [1.5, -math.inf, {"mean": np.float64("nan")}], "n": 0})
    assert json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail) == {
        "score": None,
        "each": [1.5, None, {"mean": None}],
        "n": 0,
    }


def test_a_link_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    """What a link at the file's name leads to stays as it is; no name of a part can be foreseen."""
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("page.html", ".page.html.part"):
        (folder / name).symlink_to(outside)
    write_text(folder / "page.html", "new")
    assert outside.read_text() == "mine"
    assert (folder / "page.html").read_text() == "new"
    assert not (folder / "page.html").is_symlink()


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    """A part's name does not grow with the file's: 255 bytes are as many as file systems take."""
    path = tmp_path / ("x" * 250 + ".json")
    write_json(path, {})
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_whatever_a_writer_raises_nothing_is_left(tmp_path: Path) -> None:
    """An error that is not the disk's comes through, and no part remains."""
    with pytest.raises(KeyError):
        write_whole(tmp_path / "x", lambda stream: {}["y"])
    with pytest.raises(KeyError), whole_folder(tmp_path / "z"):
        {}["y"]
    assert list(tmp_path.iterdir()) == []


def test_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    """A file that others of the group may read is not turned into a private one."""
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "whole", "")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode
