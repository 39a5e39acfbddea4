"""What is written of a prediction: sizes against counts by hand, names, and files that are whole or not there."""

from __future__ import annotations

import csv
import errno
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.jobs.predict.inputs import Input
from segkit.jobs.predict.outputs import ProbabilityFile, check_free, class_sizes, mask_names, write_sizes


def test_sizes_are_counts_areas_and_volumes() -> None:
    """Pixels and their share; mm2 of an image and ml of a volume whose spacing is known."""
    labels = np.array([[0, 1, 1, 2], [0, 0, 0, 1]], np.uint8)
    plain = class_sizes(labels, Task(1, ("a", "b", "c")), None)
    assert [(size.name, size.label, size.pixels, size.share) for size in plain] == [
        ("a", 1, 3, 3 / 8), ("b", 2, 1, 1 / 8), ("c", 3, 0, 0.0),
    ]  # fmt: skip
    assert {(size.mm2, size.ml) for size in plain} == {(None, None)}
    flat = class_sizes(labels, Task(1, ("a",)), (0.5, 3.0))
    assert (flat[0].mm2, flat[0].ml) == (3 * 1.5, None)
    deep = class_sizes(labels[None], Task(1, ("a",)), (2.0, 0.5, 3.0))
    assert (deep[0].mm2, deep[0].ml) == (None, pytest.approx(3 * 3.0 / 1000))


def test_the_table_has_a_row_for_each_class(tmp_path: Path) -> None:
    """What is not known is left empty."""
    labels = np.eye(3, dtype=np.uint8)
    sizes = class_sizes(labels, Task(1, ("a", "b")), (1.0, 1 / 3))
    write_sizes(tmp_path / "sizes.csv", [("in.jpg", "in.png", sizes, {})])
    with (tmp_path / "sizes.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["input", "mask", "class", "label", "pixels", "share", "mm2", "ml"],
            ["in.jpg", "in.png", "a", "1", "3", "0.333333", "1", ""],
            ["in.jpg", "in.png", "b", "2", "0", "0.000000", "0", ""],
        ]


@pytest.mark.parametrize(
    ("file", "names"),
    [("a.jpg", ["a.png", "a.npz"]), ("a.TIF", ["a.tif", "a.npz"]), ("a.tiff", ["a.tiff", "a.npz"])],
)
def test_a_label_map_s_names(file: str, names: list[str]) -> None:
    """A TIFF stays one; what a dataset writes has its own endings."""
    item = Input((Path(file),), "a")
    assert mask_names(item, None, Task(1, ("a",))) == names
    writer = SimpleNamespace(write_labels=print, suffixes=(".nii.gz", ".nii"))
    assert mask_names(item, writer, Task(1, ("a",))) == ["a.nii.gz", "a.nii"]


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    """What is there is named and counted; ours may go, an input never, whatever is said."""
    item = Input((tmp_path / "a.png",), "a")
    check_free(tmp_path, [item], [["b.png"]], force=False)
    (tmp_path / "b.png").touch()
    with pytest.raises(SegkitError, match=r"b\.png exists already; say --force"):
        check_free(tmp_path, [item], [["b.png"]], force=False)
    check_free(tmp_path, [item], [["b.png"]], force=True)
    check_free(tmp_path, [item], [["b.png"]], force=False, ours={"b.png"})
    (tmp_path / "sizes.csv").touch()
    (tmp_path / "prediction.json").touch()
    with pytest.raises(SegkitError, match=r"b\.png exists already and 2 more files that would be written"):
        check_free(tmp_path, [item], [["b.png"], ["c.png"]], force=False)
    (tmp_path / "a.png").touch()
    for force in (True, False):
        with pytest.raises(SegkitError, match=r"would take the place of the input .*a\.png"):
            check_free(tmp_path, [item], [["a.png"]], force=force, ours={"a.png"})


def test_probabilities_appear_when_they_are_whole(tmp_path: Path) -> None:
    """Planes come in turn; before the end there is no such file, and forgotten it leaves nothing."""
    path = tmp_path / "probabilities" / "a.npy"
    values = np.random.default_rng(0).random((2, 4, 3)).astype(np.float16)
    file = ProbabilityFile(path, 2, (4, 3))
    file.put(slice(0, 3), values[:, :3])
    assert not path.exists()
    file.put(slice(3, 4), values[:, 3:])
    file.keep()
    np.testing.assert_array_equal(np.load(path), values)
    ProbabilityFile(tmp_path / "probabilities" / "b.npy", 2, (4, 3)).drop()
    assert [found.name for found in path.parent.iterdir()] == ["a.npy"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(errno.ENOSPC, "No space left on device"), "No space left on device"), (OSError("odd"), "odd")],
)
def test_probabilities_that_find_no_space_are_a_sentence(tmp_path: Path, monkeypatch, error, reason: str) -> None:
    """With the system's reason, or its own words; no part is left."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("segkit.jobs.predict.outputs.reserve", refuse)
    with pytest.raises(SegkitError) as caught:
        ProbabilityFile(tmp_path / "probabilities" / "a.npy", 1, (4, 3))
    assert str(caught.value) == f"cannot write a.npy: {reason}; free some space"
    assert not list((tmp_path / "probabilities").iterdir())


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves no space")
def test_probabilities_have_their_space_before_they_are_written(tmp_path: Path, monkeypatch) -> None:
    """All of the file's, from its first byte on."""
    asked = []
    monkeypatch.setattr(os, "posix_fallocate", lambda descriptor, *given: asked.append(given))
    file = ProbabilityFile(tmp_path / "probabilities" / "a.npy", 2, (4, 3))
    assert asked == [(0, file.part.stat().st_size)]
    file.drop()
