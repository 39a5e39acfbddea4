"""Photographs outside of any dataset: TIFF, orientation, channels; what isic's own tests do not look at."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from segkit.data.image_files import UPRIGHT
from segkit.data.photographs import read_photograph
from segkit.errors import UnusableFileError

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_is_read_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    """As Pillow's own exif_transpose has it, once and not twice, whole and at another size."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / f"turned.{suffix}"
    Image.fromarray(PIXELS).save(file, exif=exif)
    with Image.open(file) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    image, shape = read_photograph(tmp_path, file.name)
    np.testing.assert_array_equal(image, expected.transpose(2, 0, 1))
    assert shape == expected.shape[:2] == ((9, 6) if orientation > 4 else (6, 9))
    small, shape = read_photograph(tmp_path, file.name, (4, 8))
    assert small.shape == (3, 4, 8)
    assert shape == expected.shape[:2]
    whole = Image.fromarray(expected).resize((8, 4), Image.Resampling.BILINEAR)
    assert np.abs(small.astype(int) - np.asarray(whole).transpose(2, 0, 1)).max() <= 1


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_grey_tiff_is_read_upright(tmp_path: Path, compression: str, orientation: int) -> None:
    """Turned by hand: Pillow mixes the rows of an uncompressed one up where it opens it by its path."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey = Image.fromarray(PIXELS[..., 0])
    grey.save(tmp_path / "turned.tif", exif=exif, compression=compression)
    method = UPRIGHT.get(orientation)
    expected = np.asarray(grey if method is None else grey.transpose(method))
    np.testing.assert_array_equal(read_photograph(tmp_path, "turned.tif", channels=1)[0][0], expected)


def test_grey_and_colour_for_either_number_of_channels(tmp_path: Path) -> None:
    """Grey is repeated for three channels; colours become their luma (ITU-R 601-2) for one."""
    Image.fromarray(PIXELS[..., 0]).save(tmp_path / "grey.png")
    Image.fromarray(PIXELS).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(read_photograph(tmp_path, "grey.png")[0], np.stack([PIXELS[..., 0]] * 3))
    np.testing.assert_array_equal(read_photograph(tmp_path, "grey.png", channels=1)[0], PIXELS[None, ..., 0])
    luma = PIXELS @ np.array([0.299, 0.587, 0.114])
    found = read_photograph(tmp_path, "colour.png", channels=1)[0]
    assert found.shape == (1, 6, 9)
    assert np.abs(found[0] - luma).max() <= 1


def save_pages(path: Path) -> None:
    pages = [Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1])]
    pages[0].save(path, save_all=True, append_images=pages[1:])


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (save_pages, r"^x\.tiff has 2 pages; save the one that is meant on its own"),
        (lambda path: Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257).save(path), "has 16-bit"),
        (lambda path: Image.fromarray(PIXELS[..., 0].astype(np.float32)).save(path), "floating-point pixels"),
        (lambda path: path.write_bytes(b"%PDF-1.7"), "is not a JPEG, PNG, TIFF, BMP or GIF image"),
        (lambda path: path.write_bytes(b""), r"is empty \(0 bytes\)"),
        (lambda path: None, "does not exist any more; bring it back"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(tmp_path: Path, write, said: str) -> None:
    """Pages, 16 bits, numbers, other formats, nothing at all."""
    write(tmp_path / "x.tiff")
    with pytest.raises(UnusableFileError, match=said):
        read_photograph(tmp_path, "x.tiff")
