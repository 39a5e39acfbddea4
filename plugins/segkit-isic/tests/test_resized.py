"""Photographs read on another grid: as the whole file resampled, but decoded at a part of its scale."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit import SegkitError
from segkit.data.reading import read_at
from segkit_isic.images import decode
from segkit_isic.params import IsicParams
from segkit_isic.reader import IsicReader

REAL = Path(__file__).parents[4] / "shared" / "data" / "isic2017-original"


def scene(height: int, width: int) -> np.ndarray:
    """Smooth colours with a dark disc off the centre, uint8 (H, W, 3)."""
    down, across = np.mgrid[:height, :width].astype(float)
    pixels = np.stack([200 - 60 * down / height, 140 + 40 * across / width, np.full((height, width), 120.0)], axis=-1)
    inside = (down - 0.4 * height) ** 2 + (across - 0.6 * width) ** 2 < (0.2 * min(height, width)) ** 2
    pixels[inside] -= 80
    return pixels.astype(np.uint8)


@pytest.mark.parametrize("height_width", [(600, 900), (513, 777), (1031, 521)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_the_whole_file_resampled(add, reader, height_width, orientation):
    """Within a grey value on average, at every EXIF orientation, also where no scale divides the sides."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = height_width[::-1] if orientation >= 5 else height_width
    marked = np.zeros(turned, np.uint8)
    marked[: turned[0] // 3] = 255
    add(suffix=".jpg", image=scene(*height_width), marked=marked, exif=exif, quality=95)
    opened = reader()
    (case,) = opened.cases("train")
    whole, resized = opened.read(case), opened.read_resized(case, (48, 64))
    expected = Image.fromarray(whole.image.transpose(1, 2, 0)).resize((64, 48), Image.Resampling.BILINEAR)
    difference = np.abs(resized.image - np.asarray(expected).transpose(2, 0, 1).astype(float))
    assert difference.mean() < 1
    assert difference.max() < 16
    assert resized.shape == whole.shape == turned
    np.testing.assert_array_equal(resized.mask, whole.mask)


def test_a_disc_stays_where_it_is(add, reader):
    """The centre of a disc is moved by less than a tenth of a new pixel, at sides that leave most of a block over."""
    height, width = 8 * 97 + 1, 8 * 131 + 1
    add(suffix=".jpg", image=scene(height, width), marked=np.full((height, width), 255, np.uint8), quality=95)
    opened = reader()
    (case,) = opened.cases("train")
    red = opened.read_resized(case, (64, 64)).image[0].astype(float)
    ramp = 200 - 60 * (np.arange(64)[:, None] + 0.5) / 64
    weight = np.clip(ramp - red - 20, 0, None)
    found = [(weight * (position + 0.5)).sum() / weight.sum() / 64 for position in np.mgrid[:64, :64]]
    np.testing.assert_allclose(found, (0.4, 0.6), atol=0.1 / 64)


@pytest.mark.parametrize(("suffix", "size"), [(".png", (30, 50)), (".jpg", (260, 200)), (".jpg", (700, 500))])
def test_what_is_not_reduced_is_exactly_the_same(add, reader, suffix, size):
    """A PNG, and a JPEG that is not much larger than the grid, give Pillow's values bit for bit."""
    add(suffix=suffix, image=scene(300, 340), marked=np.full((300, 340), 255, np.uint8))
    opened = reader()
    (case,) = opened.cases("train")
    whole = Image.fromarray(opened.read(case).image.transpose(1, 2, 0))
    expected = np.asarray(whole.resize(size[::-1], Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    np.testing.assert_array_equal(opened.read_resized(case, size).image, expected)


@pytest.mark.parametrize(("side", "expected"), [(100, (100, 150)), (101, (200, 300)), (401, (800, 1200))])
def test_the_smallest_scale_that_has_enough_pixels(root, side, expected):
    """A half, a quarter or an eighth, never fewer pixels than asked for along either axis."""
    Image.fromarray(scene(800, 1200)).save(root / "image.jpg")
    found = decode(root, "image.jpg", at_least=side)
    assert found.picture.size[::-1] == expected
    assert found.size == (1200, 800)


def test_faults_are_those_of_reading_it_whole(add, reader):
    """A truncated photograph and one of another size than its mask are named alike."""
    image, _ = add(suffix=".jpg", image=scene(400, 600), marked=np.full((600, 400), 255, np.uint8))
    opened = reader()
    (case,) = opened.cases("train")
    with pytest.raises(SegkitError, match=r"ISIC_1\.jpg is 600x400 but its mask .* is 400x600"):
        opened.read_resized(case, (64, 64))
    image.write_bytes(image.read_bytes()[:-200])
    with pytest.raises(SegkitError, match=r"ISIC_1\.jpg is damaged or cut short"):
        opened.read_resized(case, (64, 64))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not beside the checkout")
@pytest.mark.parametrize("side", [128, 256])
def test_real_photographs(side):
    """On real files the mean difference is under half a grey value, and one pixel in a hundred differs by over 6."""
    opened = IsicReader(REAL, IsicParams())
    for case in opened.cases("train")[::8]:
        whole = opened.read(case).image.transpose(1, 2, 0)
        expected = np.asarray(Image.fromarray(whole).resize((side, side), Image.Resampling.BILINEAR))
        found = read_at(opened, case, (side, side), "isic").image.transpose(1, 2, 0)
        difference = np.abs(found - expected.astype(float))
        assert difference.mean() < 0.5, case.id
        assert np.percentile(difference, 99) <= 6, case.id
