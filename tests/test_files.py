"""Files are written whole or not at all."""

from pathlib import Path
from typing import BinaryIO

import pytest

from segkit.errors import SegkitError
from segkit.files import write_json, write_text, write_whole


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


def test_json_refuses_what_json_has_not(tmp_path: Path) -> None:
    """NaN is an error, not a file that others cannot read."""
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "x.json", {"mean": float("nan")})
    assert not (tmp_path / "x.json").exists()
