from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from segkit.data.resample import resize_image, resize_mask

sides = st.integers(1, 40)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_resizing_any_number_of_channels_is_pillows_colour_resize(channels):
    """Channel by channel gives what Pillow gives for a colour image, bit for bit."""
    image = np.random.default_rng(0).integers(0, 256, (channels, 61, 47), dtype=np.uint8)
    resized = resize_image(image, (20, 30))
    assert resized.dtype == np.uint8
    for first in range(0, channels, 3):
        part = image[first : first + 3]
        mode = part.transpose(1, 2, 0) if len(part) == 3 else part[0]
        expected = np.asarray(Image.fromarray(mode).resize((30, 20), Image.Resampling.BILINEAR))
        found = resized[first : first + 3].transpose(1, 2, 0) if len(part) == 3 else resized[first]
        np.testing.assert_array_equal(found, expected)


def test_shrinking_by_a_whole_factor_keeps_the_mean():
    """Antialiasing averages what it removes: a fine chessboard becomes grey, not a coarse chessboard."""
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[None]
    small = resize_image(board, (8, 8))
    assert np.abs(small.astype(int) - 127).max() <= 8


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_other_types_keep_type_and_range(dtype):
    """Values far outside 0 to 255 survive; int16 is float32's result, rounded."""
    values = np.random.default_rng(0).uniform(-3000, 3000, (2, 33, 40)).astype(np.float32)
    image = np.rint(values).astype(dtype)
    resized = resize_image(image, (17, 19))
    as_float = resize_image(image.astype(np.float32), (17, 19))
    assert resized.dtype == dtype
    np.testing.assert_array_equal(resized, np.rint(as_float) if dtype == np.int16 else as_float)


@pytest.mark.parametrize("size", [(20, 30), (90, 80), (47, 9)])
def test_a_volume_of_equal_slices_is_resized_as_pillow_resizes_the_slice(size):
    """The 3D filter along each axis is Pillow's: both paths agree on what they share."""
    plane = np.random.default_rng(0).random((1, 61, 47)).astype(np.float32)
    volume = np.repeat(plane[:, None], 6, axis=1)
    resized = resize_image(volume, (4, *size))
    np.testing.assert_allclose(resized, np.repeat(resize_image(plane, size)[:, None], 4, axis=1), atol=1e-5)


def test_a_volume_is_enlarged_as_scipy_does():
    """Half-pixel centres, border repeated: scipy's linear zoom in grid mode."""
    volume = np.random.default_rng(0).random((1, 6, 7, 8)).astype(np.float32)
    expected = ndimage.zoom(volume[0], 3, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(resize_image(volume, (18, 21, 24))[0], expected, atol=1e-5)


def test_int16_volumes_keep_their_type():
    """A constant volume stays that constant, in int16."""
    volume = np.full((1, 5, 6, 7), -1024, np.int16)
    resized = resize_image(volume, (9, 3, 7))
    assert resized.dtype == np.int16
    assert (resized == -1024).all()


@settings(deadline=None)
@given(st.tuples(sides, sides), st.tuples(sides, sides))
def test_mask_labels_are_those_at_the_new_centres(shape, size):
    """Every pixel of the new mask is the old pixel under its centre, so no label is invented."""
    mask = np.random.default_rng(sum(shape)).choice(np.array([0, 1, 2, 255], np.uint8), shape)
    resized = resize_mask(mask, size)
    for row in range(size[0]):
        for column in range(size[1]):
            source = mask[(2 * row + 1) * shape[0] // (2 * size[0]), (2 * column + 1) * shape[1] // (2 * size[1])]
            assert resized[row, column] == source


def test_mask_is_resized_as_pillow_nearest():
    """Where no centre falls on a border of pixels, Pillow's nearest neighbour agrees."""
    mask = np.random.default_rng(0).integers(0, 5, (61, 47), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(mask).resize((30, 20), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(resize_mask(mask, (20, 30)), expected)


def test_enlarging_a_mask_by_whole_factors_and_back_is_exact():
    """Each label becomes a block and is found again, in 3D as well."""
    mask = np.random.default_rng(0).integers(0, 5, (4, 5, 6), dtype=np.uint8)
    large = resize_mask(mask, (8, 15, 12))
    np.testing.assert_array_equal(large, mask.repeat(2, 0).repeat(3, 1).repeat(2, 2))
    np.testing.assert_array_equal(resize_mask(large, mask.shape), mask)


def test_the_own_size_is_left_alone():
    """Nothing is copied or rounded where nothing changes."""
    image, mask = np.zeros((1, 4, 5), np.uint8), np.zeros((4, 5), np.uint8)
    assert resize_image(image, (4, 5)) is image
    assert resize_mask(mask, (4, 5)) is mask
