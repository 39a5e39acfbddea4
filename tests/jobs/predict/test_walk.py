"""Which files of a folder are images to predict."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from segkit.errors import SegkitError
from segkit.jobs.predict import walk
from segkit.jobs.predict.walk import Written, files_below, images_below, is_companion, is_ours, read_record, stem_of

KNOWN = (".png", ".gz", ".nii.gz")


def make(folder: Path, *names: str) -> None:
    """Make empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("name", "stem"), [("a.nii.gz", "a"), ("a.b.gz", "a.b"), ("A.PNG", "A"), ("a.txt", "a.txt"), ("a", "a")]
)
def test_the_longest_ending_goes(name: str, stem: str) -> None:
    """Whatever its letters' size; one that is not known stays."""
    assert stem_of(Path(name), KNOWN) == stem


def test_a_mask_beside_its_image_is_a_companion() -> None:
    """Of the image, or of its first channel, in the same folder."""
    here, there = Path("here"), Path("there")
    stems = {(here, "a"), (here, "a_mask"), (here, "b_0000"), (here, "b_seg"), (here, "lone_mask"), (there, "lone")}
    found = {stem for folder, stem in stems if is_companion(folder, stem, stems)}
    assert found == {"a_mask", "b_seg"}


def test_every_file_is_an_image_or_counted(tmp_path: Path) -> None:
    """By its reason: other kinds, folders of masks beside images, companions, litter, what segkit wrote."""
    make(tmp_path, "b.png", "a.png", "a_mask.png", "notes.txt", "masks/a.png", "sub/c.png", ".DS_Store", "out/d.png")
    (tmp_path / "out" / "prediction.json").write_text(json.dumps({"files": [{"mask": "d.png", "name": "d"}]}))
    make(tmp_path, "run/config.toml", "run/environment.json", "run/e.png")
    images, left_out = images_below(tmp_path, KNOWN, Written())
    assert [str(path.relative_to(tmp_path)) for path in images] == ["a.png", "b.png", "sub/c.png"]
    assert left_out == Counter({walk.OURS: 5, walk.OTHER: 1, walk.MASKS: 1, walk.COMPANION: 1, walk.LITTER: 1})


def test_a_folder_of_masks_needs_images_beside_it(tmp_path: Path) -> None:
    """On its own it is a folder of images like any other; a folder of images beside it will do."""
    make(tmp_path, "masks/a.png")
    assert dict(files_below(tmp_path, "", KNOWN, Written())) == {tmp_path / "masks" / "a.png": ""}
    make(tmp_path, "images/a.png")
    assert dict(files_below(tmp_path, "", KNOWN, Written()))[tmp_path / "masks" / "a.png"] == walk.MASKS


@pytest.mark.parametrize(
    ("files", "ours"),
    [
        (("config.toml", "environment.json"), True),
        (("config.toml", "model.safetensors"), True),
        (("config.toml",), False),
        (("environment.json", "model.safetensors"), False),
        (("index.json",), False),
    ],
)
def test_what_a_run_is_known_by(tmp_path: Path, files: tuple[str, ...], ours: bool) -> None:
    """Its config beside one of two others; an index only where the folder is called explanations."""
    make(tmp_path, *files)
    assert is_ours(tmp_path) is ours


def test_explanations_are_known_by_their_index(tmp_path: Path) -> None:
    """In the folder of that name."""
    assert not is_ours(tmp_path / "explanations")
    make(tmp_path, "explanations/index.json")
    assert is_ours(tmp_path / "explanations")


def test_predictions_are_known_by_their_record(tmp_path: Path) -> None:
    """Label maps, pictures, probabilities, the table and the record itself; a record that names none claims none."""
    make(tmp_path, "a.png", "other.png")
    (tmp_path / "prediction.json").write_text(json.dumps({"files": [{"mask": "a.png", "name": "a-1"}]}))
    written = Written()
    mine = ("a.png", "prediction.json", "sizes.csv", "overlays/a-1.jpg", "probabilities/a-1.npy")
    assert all(tmp_path / name in written for name in mine)
    assert not any(tmp_path / name in written for name in ("other.png", "overlays/a.jpg", "overlays/other.jpg"))
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "prediction.json").write_text(json.dumps({"files": []}))
    assert tmp_path / "none" / "sizes.csv" not in written


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"{", "Expecting"), (b"[]", "list indices"), (b"{}", "files"), (b'{"files": []}' + b" " * 90, "it is too long")],
)
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch, content: bytes, reason: str) -> None:
    """Which files beside it are predictions nobody knows, so none is guessed at."""
    monkeypatch.setattr(walk, "LARGEST", 100)
    assert read_record(tmp_path / "prediction.json") == frozenset()
    (tmp_path / "prediction.json").write_bytes(content)
    with pytest.raises(SegkitError, match=f"prediction.json cannot be read .*{reason}") as caught:
        read_record(tmp_path / "prediction.json")
    assert caught.value.hint == "give the images one by one, or move the predictions away"


def test_a_record_of_the_largest_size_is_read(tmp_path: Path, monkeypatch) -> None:
    """The bound itself is within."""
    monkeypatch.setattr(walk, "LARGEST", 13)
    (tmp_path / "prediction.json").write_bytes(b'{"files": []}')
    assert read_record(tmp_path / "prediction.json") == frozenset()
