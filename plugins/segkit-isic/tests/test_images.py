"""Forms of files that are decoded, and those refused in words."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit.errors import UnusableFileError
from segkit_isic.images import read_pair


@pytest.fixture
def read(tmp_path, photograph, mask):
    """Write a photograph and a mask and read them as a pair."""

    def write_and_read(image=photograph, marked=mask, **options):
        for name, picture in (("image.png", image), ("mask.png", marked)):
            encoded = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
            encoded.save(tmp_path / name, **(options if name == "image.png" else {}))
        return read_pair(tmp_path, "image.png", "mask.png")

    return write_and_read


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 31), (300, 200)])
def test_any_size(tmp_path, height, width, suffix):
    """JPEG and PNG of any size keep their own grid; PNG keeps every value, JPEG nearly."""
    pixels = np.full((height, width, 3), (200, 120, 90), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"image{suffix}")
    Image.fromarray(np.zeros((height, width), np.uint8)).save(tmp_path / "mask.png")
    image, marked = read_pair(tmp_path, f"image{suffix}", "mask.png")
    assert marked.shape == (height, width)
    assert np.abs(image - pixels.transpose(2, 0, 1).astype(int)).max() <= (0 if suffix == ".png" else 3)


def test_threshold(read):
    """128 is background and 129 is lesion, as in the official scorer."""
    marked = np.full((6, 9), 255, np.uint8)
    marked[0, :2] = 128, 129
    assert read(marked=marked)[1][0, :3].tolist() == [0, 1, 1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, photograph, orientation):
    """A turned photograph comes out as its EXIF says, when the mask's size agrees; the mask is never turned."""
    # What a viewer does, by the definition of the tag: where row 0 and column 0 of the file belong.
    upright = {
        1: lambda pixels: pixels,
        2: lambda pixels: pixels[:, ::-1],
        3: lambda pixels: pixels[::-1, ::-1],
        4: lambda pixels: pixels[::-1],
        5: lambda pixels: pixels.transpose(1, 0, 2),
        6: lambda pixels: pixels.transpose(1, 0, 2)[:, ::-1],
        7: lambda pixels: pixels.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda pixels: pixels.transpose(1, 0, 2)[::-1],
    }[orientation](photograph)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(photograph).save(tmp_path / "image.png", exif=exif)
    marked = np.zeros(upright.shape[:2], np.uint8)
    marked[0, 1] = 255
    Image.fromarray(marked).save(tmp_path / "mask.png")
    image, found = read_pair(tmp_path, "image.png", "mask.png")
    np.testing.assert_array_equal(image, upright.transpose(2, 0, 1))
    np.testing.assert_array_equal(found, marked == 255)


def test_exif_orientation_that_the_mask_contradicts(read, photograph):
    """A mask drawn on the unturned pixels keeps them unturned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    np.testing.assert_array_equal(read(exif=exif)[0], photograph.transpose(2, 0, 1))


def test_damaged_exif_does_not_cost_the_photograph(read, photograph):
    """Pixels are read where only the camera's notes are damaged."""
    np.testing.assert_array_equal(read(exif=b"Exif\0\0II*\0\xff\xff")[0], photograph.transpose(2, 0, 1))


def test_grey_photograph(read):
    """One channel becomes three equal ones."""
    grey = np.arange(54, dtype=np.uint8).reshape(6, 9)
    np.testing.assert_array_equal(read(image=grey)[0], np.stack([grey] * 3))


def test_palette_photograph(read, photograph):
    """Indexed colours are looked up, not taken for grey values."""
    indexed = Image.fromarray(photograph).quantize(64)
    np.testing.assert_array_equal(read(image=indexed)[0], np.asarray(indexed.convert("RGB")).transpose(2, 0, 1))
    assert np.abs(read(image=indexed)[0].astype(int) - photograph.transpose(2, 0, 1)).max() < 40


def test_cmyk_photograph(tmp_path, mask):
    """A CMYK JPEG of one colour comes out in that colour."""
    Image.new("CMYK", (9, 6), (0, 128, 128, 0)).save(tmp_path / "image.jpg")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    colour = read_pair(tmp_path, "image.jpg", "mask.png")[0].mean((1, 2))
    np.testing.assert_allclose(colour, (255, 127, 127), atol=4)


def test_opaque_alpha_is_dropped(read, photograph):
    """An alpha channel that hides nothing changes nothing."""
    opaque = np.dstack([photograph, np.full((6, 9), 255, np.uint8)])
    np.testing.assert_array_equal(read(image=opaque)[0], photograph.transpose(2, 0, 1))


def test_transparent_pixels_are_refused(read, photograph):
    """What lies under a transparent pixel is nobody's photograph."""
    hidden = np.dstack([photograph, np.full((6, 9), 200, np.uint8)])
    with pytest.raises(UnusableFileError, match=r"image\.png is partly transparent; save it without an alpha channel"):
        read(image=hidden)


def test_transparent_palette_entry_is_refused(read, photograph):
    """The same through a palette."""
    indexed = Image.fromarray(photograph).quantize(4)
    with pytest.raises(UnusableFileError, match="partly transparent"):
        read(image=indexed, transparency=int(np.asarray(indexed)[0, 0]))


@pytest.mark.parametrize("name", ["image", "mask"])
def test_16_bit_is_refused(read, photograph, mask, name):
    """16-bit greyscale is refused, for it would be cut off at 255."""
    deep = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1000
    with pytest.raises(UnusableFileError, match=rf"{name}\.png has 16-bit .*save it with 8 bits"):
        read(**{"image" if name == "image" else "marked": deep})


@pytest.mark.parametrize("form", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_mask_in_any_form(read, mask, form):
    """Black and white is the same mask however it is stored."""
    np.testing.assert_array_equal(read(marked=Image.fromarray(mask).convert(form))[1], mask == 255)


def test_palette_mask_with_indices(read, mask):
    """A palette mask counts by its colours, white for lesion, not by its indices."""
    indexed = Image.fromarray(mask // 255)
    indexed.putpalette([0, 0, 0, 255, 255, 255])
    np.testing.assert_array_equal(read(marked=indexed)[1], mask == 255)


def test_mask_of_ones_is_refused(read, mask):
    """0 and 1 in place of 0 and 255 would silently be empty."""
    with pytest.raises(
        UnusableFileError, match=r"mask\.png has no pixel above 128 \(its highest is 1\).*write the mask"
    ):
        read(marked=mask // 255)


def test_grey_mask_is_refused(read):
    """A photograph or probability map in the mask's place is refused with its share of grey."""
    ramp = np.linspace(0, 255, 54).astype(np.uint8).reshape(6, 9)
    with pytest.raises(UnusableFileError, match=r"not a black and white mask: 7[0-9]% of its pixels are grey"):
        read(marked=ramp)


def test_smoothed_rim_is_read(read):
    """A thin grey rim between black and white is thresholded."""
    marked = np.full((6, 9), 255, np.uint8)
    marked[0, :4] = 100, 120, 140, 160
    assert read(marked=marked)[1][0].tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 1]


def test_size_mismatch_names_both(read):
    """Width and height of both files are told."""
    with pytest.raises(UnusableFileError, match=r"image\.png is 9x6 but its mask mask\.png is 8x5; replace"):
        read(marked=np.zeros((5, 8), np.uint8))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"is empty \(0 bytes\); fetch it again"),
        (b"<html>404</html>", "is not a JPEG or PNG image, whatever its name says"),
        (b"BM" + b"\0" * 60, "is not a JPEG or PNG image"),
    ],
)
def test_not_an_image(tmp_path, content, reason):
    """Empty files and other things with an image's name are told apart."""
    (tmp_path / "mask.png").write_bytes(content)
    with pytest.raises(UnusableFileError, match=rf"^mask\.png {reason}"):
        read_pair(tmp_path, "image.png", "mask.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated(tmp_path, suffix, kept):
    """A file that stops early is never read as far as it goes."""
    path = tmp_path / f"mask{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(UnusableFileError, match=f"mask\\{suffix} is (damaged or cut short|not a JPEG)"):
        read_pair(tmp_path, "image.png", path.name)


def test_flipped_bytes_in_png(tmp_path, photograph):
    """PNG's checksums are heeded."""
    path = tmp_path / "mask.png"
    Image.fromarray(photograph).save(path)
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UnusableFileError, match="is damaged or cut short"):
        read_pair(tmp_path, "image.png", "mask.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("limit", [50, 10])
def test_decompression_bomb(read, monkeypatch, limit):
    """Files with more pixels than Pillow allows are refused before they are decoded."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(UnusableFileError, match=rf"mask\.png has too many pixels: .*at most {limit} are read whole"):
        read()


def test_files_that_vanish(tmp_path):
    """A file that goes away between listing and reading is named; so is a link that leads nowhere."""
    with pytest.raises(UnusableFileError, match=r"mask\.png does not exist any more"):
        read_pair(tmp_path, "image.png", "mask.png")
    (tmp_path / "mask.png").symlink_to(tmp_path / "nothing")
    with pytest.raises(UnusableFileError, match=r"mask\.png is a link to a file that does not exist"):
        read_pair(tmp_path, "image.png", "mask.png")


def test_no_file_stays_open(read, tmp_path):
    """Reading leaves no descriptor behind."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("open files are counted in /proc, which is not here")
    read()
    before = len(list(descriptors.iterdir()))
    for _ in range(5):
        read()
    assert len(list(descriptors.iterdir())) == before
