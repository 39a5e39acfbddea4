"""Image files of which a part is wrong."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit.data.image_files import load, opened_image
from segkit.errors import UnusableFileError


def pixels(path: Path) -> np.ndarray:
    """What is read of a file."""
    with opened_image(path, path.name) as opened:
        load(opened)
        return np.asarray(opened)


@pytest.mark.parametrize("level", [0, 6], ids=["stored", "deflated"])
def test_no_wrong_byte_of_a_png_is_read(tmp_path, level):
    """Whatever byte is another one, the pixels are those that were written, or the file is refused."""
    image = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=level)
    content, path, refused = stream.getvalue(), tmp_path / "image.png", 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        try:
            found = pixels(path)
        except UnusableFileError:
            refused += 1
        else:
            assert np.array_equal(found, image), position
    assert refused > 0.95 * len(content)


def test_a_png_with_zeros_at_its_end(tmp_path):
    """Thirty bytes that a failing disk gave as zeros: refused, with the file's name."""
    path = tmp_path / "image.png"
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-30] + bytes(30))
    with pytest.raises(UnusableFileError, match=r"image\.png is damaged or cut short"):
        pixels(path)


@pytest.mark.parametrize("size", [(80_000_000, 1), (1, 80_000_000), (65_536, 2)])
def test_a_side_as_no_camera_has_is_refused_before_it_is_decoded(tmp_path, size):
    """Few enough pixels, and one row or column of them: the scores alone would take gigabytes (issue 19)."""
    path = tmp_path / "thin.png"
    Image.new("1", size).save(path)
    with pytest.raises(UnusableFileError, match="at most 65,535 along a side"):
        pixels(path)
    Image.new("1", (65_535, 2)).save(path)
    assert pixels(path).shape == (2, 65_535)
