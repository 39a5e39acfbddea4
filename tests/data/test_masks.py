"""Masks in every form that image files have: read by what they show, or refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from segkit.data.image_files import ORIENTATION_TAG, UPRIGHT
from segkit.data.masks import black_and_white, laid_alike, read_mask, turn
from segkit.data.orientation import is_doubtful
from segkit.errors import UnusableFileError

MARKED = np.zeros((48, 64), bool)
MARKED[10:30, 12:40] = True
GREY = (MARKED * 255).astype(np.uint8)


def coloured(colour: tuple[int, int, int]) -> np.ndarray:
    """The mask in one colour on black, (H, W, 3)."""
    return MARKED[..., None] * np.array(colour, np.uint8)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Save a picture and return its path."""

    def save(picture: Image.Image | np.ndarray, name: str = "mask.png", **options: object) -> Path:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return save


@pytest.mark.parametrize("name", ["mask.png", "mask.tif", "mask.bmp", "mask.gif"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_black_and_white_in_every_mode(saved, name, mode):
    """White is 255 however it is stored."""
    mask = read_mask(saved(Image.fromarray(GREY).convert(mode), name), name)
    np.testing.assert_array_equal(mask.values, GREY)
    assert not mask.coloured


def test_a_palette_is_read_by_colour(saved):
    """Indices stand for colours; greys of a palette are greys."""
    picture = Image.fromarray(MARKED.astype(np.uint8))
    picture.putpalette([255, 255, 255, 0, 0, 0])
    np.testing.assert_array_equal(read_mask(saved(picture), "mask.png").values, 255 - GREY)
    picture.putpalette([0, 0, 0, 255, 0, 128])
    mask = read_mask(saved(picture), "mask.png")
    assert mask.coloured
    np.testing.assert_array_equal(mask.colours(), MARKED * 0xFF0080)
    np.testing.assert_array_equal(mask.indices, MARKED)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_is_never_dropped(saved, mode):
    """Whether the paint or the layer is the mask nobody knows; an alpha channel that hides nothing does no harm."""
    hidden = Image.new("RGBA", (64, 48), (255, 255, 255, 0))
    hidden.paste((255, 255, 255, 255), (12, 10, 40, 30))
    picture = hidden.convert(mode) if mode != "P" else hidden.quantize(4)
    with pytest.raises(UnusableFileError, match=r"^mask\.png is a mask that is partly transparent; save it without"):
        read_mask(saved(picture), "mask.png")
    opaque = Image.fromarray(np.dstack([np.stack([GREY] * 3, -1), np.full_like(GREY, 255)]))
    np.testing.assert_array_equal(read_mask(saved(opaque), "mask.png").values, GREY)


@pytest.mark.parametrize(("mode", "key"), [("L", 255), ("RGB", (255, 255, 255)), ("I;16", 255)])
def test_a_colour_that_is_transparent(saved, mode, key):
    """PNG's tRNS hides a value without any alpha channel; one that no pixel has hides nothing."""
    picture = Image.fromarray(GREY.astype(np.uint16)) if mode == "I;16" else Image.fromarray(GREY).convert(mode)
    with pytest.raises(UnusableFileError, match="partly transparent"):
        read_mask(saved(picture, transparency=key), "mask.png")
    other = 7 if isinstance(key, int) else (7, 7, 7)
    np.testing.assert_array_equal(read_mask(saved(picture, transparency=other), "mask.png").values, GREY)


def test_pages_and_frames_are_refused(saved):
    """Of several pictures in a file nobody knows which is meant."""
    first, second = Image.fromarray(GREY), Image.fromarray(255 - GREY)
    for name, word in (("mask.tif", "2 pages"), ("mask.gif", "2 frames"), ("mask.png", "2 frames")):
        with pytest.raises(UnusableFileError, match=f"has {word}; save the one that is meant on its own"):
            read_mask(saved(first, name, save_all=True, append_images=[second]), name)


def test_sixteen_bits(saved):
    """One channel of 16 bits keeps its values."""
    mask = read_mask(saved(MARKED.astype(np.uint16) * 300), "mask.png")
    np.testing.assert_array_equal(mask.values, MARKED * 300)
    assert mask.white == 65535


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("quality", [20, 75, 95])
def test_jpeg_is_black_and_white(saved, mode, quality):
    """In grey and in colours alike, also inside a TIFF."""
    picture = Image.fromarray(GREY).convert(mode)
    files = [saved(picture, "mask.jpg", quality=quality)]
    files += [saved(picture, "mask.tif", compression="jpeg", quality=quality)]
    for path in files:
        mask = read_mask(path, path.name)
        assert mask.lossy
        assert np.mean(black_and_white(mask, path.name) != MARKED) < 0.005


def test_jpeg_that_loses_something(saved):
    """Colours, grey areas and masks of 0 and 100 cannot be told by a threshold without loss."""
    with pytest.raises(UnusableFileError, match="mask in colours whose compression"):
        read_mask(saved(coloured((255, 0, 0)), "mask.jpg"), "mask.jpg")
    three = GREY.copy()
    three[35:45, 45:60] = 127
    with pytest.raises(UnusableFileError, match=r"has grey areas.*data\.threshold=128"):
        black_and_white(read_mask(saved(three, "mask.jpg"), "mask.jpg"), "mask.jpg")
    with pytest.raises(UnusableFileError, match="no pixel above 128"):
        black_and_white(read_mask(saved((MARKED * 100).astype(np.uint8), "mask.jpg"), "mask.jpg"), "mask.jpg")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_turning_is_pillows(orientation):
    """As Pillow turns an image of that orientation."""
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    picture = Image.fromarray(values)
    picture.info["exif"] = exif.tobytes()
    np.testing.assert_array_equal(turn(values, UPRIGHT[orientation]), np.asarray(ImageOps.exif_transpose(picture)))


def test_how_image_and_mask_lie_on_each_other(saved):
    """Both as their orientation says where sizes agree so, else as whichever fits; where both fit it is doubtful."""
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    plain, turned = read_mask(saved(GREY), "m"), read_mask(saved(GREY, exif=exif), "m")
    way = UPRIGHT[6]
    both = laid_alike((48, 64), way, [turned])
    assert both is not None
    assert (both[0], both[1][0].shape) == (way, (64, 48))
    as_stored = laid_alike((48, 64), way, [plain])
    assert as_stored is not None
    assert (as_stored[0], as_stored[1][0].shape) == (None, (48, 64))
    copied = laid_alike((48, 64), None, [turned])
    assert copied is not None
    np.testing.assert_array_equal(copied[1][0].values, GREY)
    assert laid_alike((48, 60), way, [plain]) is None
    assert not is_doubtful((48, 64), way, (48, 64), None)
    assert is_doubtful((48, 64), UPRIGHT[3], (48, 64), None)
    assert is_doubtful((48, 48), way, (48, 48), None)
    assert not is_doubtful((48, 48), way, (48, 48), way)


def test_damage_is_a_sentence(saved, tmp_path):
    """Empty, cut short, another format, not there."""
    path = saved(GREY)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UnusableFileError, match="is damaged or cut short"):
        read_mask(path, "mask.png")
    path.write_bytes(b"")
    with pytest.raises(UnusableFileError, match="is empty"):
        read_mask(path, "mask.png")
    with pytest.raises(UnusableFileError, match="does not exist any more"):
        read_mask(tmp_path / "gone.png", "gone.png")
