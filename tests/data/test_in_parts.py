"""Sums over large arrays: those of numpy, a part at a time."""

import hashlib

import numpy as np
import pytest

from segkit.data import in_parts
from segkit.data.content import content_digest
from segkit.data.facts import contrast


@pytest.fixture(autouse=True, params=[7, 2**20])
def part(request, monkeypatch):
    """Parts of a few values, and larger than the arrays."""
    monkeypatch.setattr(in_parts, "AT_ONCE", request.param)
    monkeypatch.setattr("segkit.data.content.AT_ONCE", request.param)


SHAPES = ((1, 1), (5, 1), (1, 40), (9, 8), (3, 9, 8), (2, 4, 6, 5))


@pytest.mark.parametrize("shape", SHAPES)
def test_labels_are_counted(shape):
    """As numpy's bincount does, values that there are not included."""
    labels = np.random.default_rng(0).choice([0, 3, 255], shape).astype(np.uint8)
    assert in_parts.counts_of(labels).tolist() == np.bincount(labels.ravel(), minlength=256).tolist()
    assert in_parts.values_of(labels) == np.unique(labels).tolist()


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_mean_and_deviation_are_those_of_numpy(shape, kind):
    """In float64, of values far from zero too."""
    values = (np.random.default_rng(1).normal(200, 9, shape)).astype(kind)
    expected = values.mean(dtype=np.float64), values.std(dtype=np.float64)
    assert in_parts.mean_and_deviation(values) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, ">i2"])
def test_a_digest_is_that_of_all_values_as_float32(kind):
    """As checkpoints hold it that were written when the whole was hashed at once; minus zero is zero."""
    image = np.random.default_rng(2).normal(100, 9, (3, 9, 8)).astype(kind)
    image[0, 0, :2] = (0.0, -0.0)
    values = image.astype("<f4") + np.float32(0)
    expected = hashlib.sha256(f"{values.shape}".encode() + values.tobytes()).hexdigest()[:32]
    assert content_digest(image) == expected
    assert content_digest(image.transpose(0, 2, 1)) != expected


@pytest.mark.parametrize("shape", [(3, 9, 8), (1, 4, 9, 8)])
def test_contrast_is_that_of_the_grey_image(shape):
    """Mean inside less mean outside, in deviations; none where all is alike."""
    image = np.random.default_rng(3).normal(1000, 9, shape).astype(np.int16)
    inside = np.zeros(shape[1:], bool)
    inside[..., 2:5, 3:6] = True
    grey = image.mean(axis=0, dtype=np.float64)
    expected = (grey[inside].mean() - grey[~inside].mean()) / grey.std()
    assert contrast(image, inside, int(inside.sum())) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(contrast(np.full(shape, 77, np.int16), inside, int(inside.sum())))
