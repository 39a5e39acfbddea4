"""Label volumes on other grids: no label is invented, none is mixed, shares decide."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from segkit.data.resample import resize_image
from segkit.data.resample_labels import resample_labels


def blobs(shape: tuple[int, ...] = (10, 24, 30), labels: tuple[int, ...] = (3, 7, 255)) -> np.ndarray:
    """Smooth regions of some labels."""
    random = np.random.default_rng(0)
    fields = [ndimage.gaussian_filter(random.normal(size=shape), 2) for _ in range(len(labels) + 1)]
    return np.array([0, *labels], np.uint8)[np.argmax(fields, axis=0)]


@pytest.mark.parametrize("size", [(10, 24, 30), (6, 17, 23), (14, 40, 37), (10, 12, 60)])
def test_labels_are_those_of_the_largest_share(size):
    """Every label's indicator resampled like an image; the largest wins, where it is not a tie."""
    mask = blobs()
    resampled = resample_labels(mask, size)
    labels = np.array([0, 3, 7, 255])
    shares = np.stack([resize_image((mask == label)[None].astype(np.float32), size)[0] for label in labels])
    assert resampled.dtype == np.uint8
    assert set(np.unique(resampled)) <= set(labels)
    ordered = np.sort(shares, axis=0)
    clear = ordered[-1] - ordered[-2] > 1e-4
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(resampled[clear], labels[shares.argmax(axis=0)][clear])


def test_the_own_grid_is_exact():
    """Nothing changes where the size is the same, whatever the integer type."""
    mask = blobs().astype(np.int32)
    np.testing.assert_array_equal(resample_labels(mask, mask.shape), mask)


def test_there_and_back_keeps_large_structures():
    """Twice as fine and back is the same mask but for single voxels."""
    mask = blobs()
    back = resample_labels(resample_labels(mask, (20, 48, 60)), mask.shape)
    assert np.mean(back == mask) > 0.99


@pytest.mark.parametrize("depth", [5, 10, 23])
def test_along_the_coarse_axis_planes_are_taken_as_they_are(depth):
    """Every plane is one of the planes of the mask resampled in-plane: none is mixed from two."""
    mask = blobs()
    flat = resample_labels(mask, (10, 12, 15))
    resampled = resample_labels(mask, (depth, 12, 15), coarse=0)
    nearest = ((np.arange(depth) + 0.5) * 10 / depth).astype(int)
    np.testing.assert_array_equal(resampled, flat[nearest])


def test_an_empty_mask_stays_empty():
    """No label, no work."""
    assert not resample_labels(np.zeros((4, 5, 6), np.uint8), (2, 9, 3)).any()
