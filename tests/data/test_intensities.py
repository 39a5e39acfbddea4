"""Statistics of volumes' intensities, against numpy, brute force and synthetic bodies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segkit.data.intensities import body_threshold, case_moments, foreground_scheme, otsu, weighted_percentiles


def brute_force_otsu(counts: np.ndarray) -> float:
    """The largest variance between two parts of a histogram, by trying every cut."""
    values = np.repeat(np.arange(len(counts)), counts)
    best = 0.0
    for cut in range(len(counts) - 1):
        low, high = values[values <= cut], values[values > cut]
        if low.size and high.size:
            best = max(best, low.size * high.size * (low.mean() - high.mean()) ** 2)
    return best


@given(st.lists(st.integers(0, 9), min_size=3, max_size=12).filter(lambda counts: np.count_nonzero(counts) > 1))
def test_otsu_is_the_best_cut(counts):
    """No other cut of the histogram parts it better."""
    histogram = np.array(counts)
    values = np.repeat(np.arange(len(counts)), histogram)
    cut = otsu(histogram)
    low, high = values[values <= cut], values[values > cut]
    assert low.size * high.size * (low.mean() - high.mean()) ** 2 == pytest.approx(brute_force_otsu(histogram))


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_the_body_is_told_from_the_air(dtype):
    """Of a body in noisy air, with a few voxels of metal, exactly the body's moments are found."""
    random = np.random.default_rng(0)
    body = np.zeros((12, 30, 30), bool)
    body[2:10, 5:25, 5:25] = True
    volume = np.where(body, random.normal(500, 60, body.shape), np.abs(random.normal(0, 15, body.shape)))
    volume[5, 12, 12:15] = 30_000
    volume = volume.astype(dtype)
    assert 100 < body_threshold(volume) < 300
    (mean,), (std,) = case_moments(volume[None], "body")
    assert mean == pytest.approx(volume[body].mean(dtype=np.float64), rel=1e-9)
    assert std == pytest.approx(volume[body].std(dtype=np.float64), rel=1e-9)


def test_a_volume_without_air_is_body_altogether():
    """Bright and dark tissue up to every border, as in a crop: no tissue is taken for air."""
    random = np.random.default_rng(0)
    bright = random.random((12, 30, 30)) < 0.4
    volume = np.where(bright, random.normal(700, 60, bright.shape), random.normal(300, 60, bright.shape))
    assert body_threshold(volume) == -np.inf
    assert case_moments(volume[None], "body") == case_moments(volume[None], "image")


def test_moments_of_the_whole_are_numpys_per_channel():
    """uint8 counts from 0 to 1, as networks are given it; other types are in their own unit."""
    random = np.random.default_rng(0)
    for image, unit in (
        (random.integers(0, 256, (2, 5, 6, 7), np.uint8), 255),
        (random.normal(-300, 900, (3, 5, 6, 7)).astype(np.float32), 1),
    ):
        exact = image.astype(np.float64) / unit
        mean, std = case_moments(image, "image")
        np.testing.assert_allclose(mean, exact.mean(axis=(1, 2, 3)), rtol=1e-12)
        np.testing.assert_allclose(std, exact.std(axis=(1, 2, 3)), rtol=1e-12)


@pytest.mark.parametrize("kind", ["image", "body"])
def test_a_constant_volume_has_a_floor_under_its_deviation(kind):
    """All of it is body, and nothing is divided by zero."""
    assert case_moments(np.full((1, 3, 4, 5), 7, np.int16), kind) == ((7.0,), (1e-3,))


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 5)), min_size=1, max_size=20))
def test_weighted_percentiles_with_equal_weights_are_numpys(pairs):
    """Equal weights are numpy's percentiles; the ends are the smallest and largest value."""
    values, weights = np.array(pairs, np.float64).T
    np.testing.assert_allclose(
        weighted_percentiles(values, np.full(len(values), 3.0), (0.5, 30, 99.5)),
        np.percentile(values, (0.5, 30, 99.5)),
        atol=1e-9,
    )
    low, high = weighted_percentiles(values, weights, (0, 100))
    assert (low, high) == (values.min(), values.max())


def test_ct_is_nnunets_scheme():
    """Percentiles, clipping, then mean and deviation of the clipped, by numpy; a window replaces the percentiles."""
    values = np.random.default_rng(0).normal(40, 300, (5000, 2))
    low, high, mean, std = foreground_scheme(values, np.ones(5000), None)
    np.testing.assert_allclose([low, high], np.percentile(values, (0.5, 99.5), axis=0))
    clipped = np.clip(values, low, high)
    np.testing.assert_allclose([mean, std], [clipped.mean(axis=0), clipped.std(axis=0)])
    low, high, mean, _ = foreground_scheme(values, np.ones(5000), (-160.0, 240.0))
    assert (low.tolist(), high.tolist()) == ([-160, -160], [240, 240])
    np.testing.assert_allclose(mean, np.clip(values, -160, 240).mean(axis=0))
