"""Reference masks that are given beside an image: read as masks of datasets are, or refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.jobs.explain.reference import read_reference

MARKED = np.zeros((24, 32), np.uint8)
MARKED[4:14, 6:20] = 1


def read(picture: Image.Image, path: Path, classes: int = 1, **options: object) -> np.ndarray:
    """Save a mask and read it for a model of so many classes."""
    picture.save(path, **options)
    model = SimpleNamespace(task=Task(3, tuple("abcd"[:classes])), opener=SimpleNamespace(own=None))
    return read_reference(path, model, MARKED.shape)


def grey(values: np.ndarray) -> Image.Image:
    """A grey picture."""
    return Image.fromarray(values.astype(np.uint8))


@pytest.mark.parametrize(
    "picture",
    [grey(MARKED), grey(MARKED * 255), grey(MARKED * 255).convert("1"), grey(MARKED * 255).convert("RGB")],
    ids=["0/1", "0/255", "1 bit", "RGB"],
)
def test_black_and_white_for_one_class(tmp_path, picture):
    """Whatever the encoding."""
    np.testing.assert_array_equal(read(picture, tmp_path / "m.png"), MARKED)


def test_palettes_jpeg_and_orientation(tmp_path):
    """Indices of a coloured palette are labels, a grey palette is grey, a JPEG is thresholded, EXIF is heeded."""
    picture = grey(MARKED * 2)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    np.testing.assert_array_equal(read(picture, tmp_path / "m.png", 2), MARKED * 2)
    white_first = grey(1 - MARKED)
    white_first.putpalette([255, 255, 255, 0, 0, 0])
    np.testing.assert_array_equal(read(white_first, tmp_path / "w.png"), MARKED)
    assert np.mean(read(grey(MARKED * 255).convert("RGB"), tmp_path / "m.jpg") != MARKED) < 0.01
    exif = Image.Exif()
    exif[0x0112] = 6
    np.testing.assert_array_equal(read(grey(np.rot90(MARKED) * 255), tmp_path / "t.png", exif=exif), MARKED)


@pytest.mark.parametrize(
    ("picture", "name", "classes", "said"),
    [
        (Image.fromarray(np.dstack([MARKED * 255, MARKED, MARKED])), "m.png", 1, "is a mask in colours"),
        (Image.fromarray(MARKED.astype(np.float32) * 0.9), "m.tif", 1, "holds floating-point numbers"),
        (grey(MARKED * 255), "m.jpg", 2, "keeps no 2 classes apart"),
        (grey(MARKED + 7), "m.png", 1, "holds the values 7, 8"),
        (grey(MARKED * 3), "m.png", 2, "holds label 3, the model knows 0 to 2"),
        (Image.fromarray(MARKED.astype(np.int32) * -1), "m.tif", 2, "holds label -1"),
        (grey(MARKED * 255).convert("LA").point(lambda value: value // 2), "m.png", 1, "partly transparent"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, picture, name, classes, said):
    """In one sentence that names the file."""
    with pytest.raises(SegkitError, match=said) as caught:
        read(picture, tmp_path / name, classes)
    assert name in caught.value.message


def test_of_many_values_the_first_five_are_named(tmp_path):
    """Of six as of sixty."""
    many = MARKED.copy()
    many[0, :6] = [2, 3, 4, 5, 6, 7]
    with pytest.raises(SegkitError, match="holds the values 0, 1, 2, 3, 4;"):
        read(grey(many), tmp_path / "m.png")


def test_ignored_pixels_are_no_label_of_a_stranger(tmp_path):
    """255 beside two classes stays; a mask of another size is refused with both."""
    ignored = MARKED.copy()
    ignored[0, 0] = 255
    np.testing.assert_array_equal(read(grey(ignored), tmp_path / "m.png", 2), ignored)
    with pytest.raises(SegkitError, match=r"m\.png is on a grid of \(32, 31\), the image on one of \(24, 32\)"):
        read(grey(np.zeros((32, 31))), tmp_path / "m.png", 2)
