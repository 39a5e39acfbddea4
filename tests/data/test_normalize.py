from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from segkit import Sample, SegkitError, UsageError
from segkit.data.normalize import Normalization, make_normalization, to_float
from segkit.settings import Data


def test_to_float_brings_uint8_to_0_to_1_only():
    """255 is exactly 1; other types keep their values; the argument is left as it was."""
    eight_bit = torch.tensor([0, 128, 255], dtype=torch.uint8)
    assert to_float(eight_bit).tolist() == [0.0, pytest.approx(128 / 255), 1.0]
    for dtype in (torch.int16, torch.float32):
        values = torch.tensor([-1000, 0, 3000], dtype=dtype)
        assert to_float(values).tolist() == [-1000, 0, 3000]
        assert values.tolist() == [-1000, 0, 3000]


def test_unit_leaves_images_as_they_are():
    """No copy, no change."""
    images = torch.rand(2, 3, 4, 5)
    assert Normalization("unit").apply(images) is images


@pytest.mark.parametrize("shape", [(4, 3, 17, 23), (2, 1, 5, 6, 7)])
def test_image_normalisation_is_numpys_per_image_and_channel(shape):
    """Population mean and deviation in float64."""
    images = np.random.default_rng(0).uniform(-500, 900, shape).astype(np.float32)
    axes = tuple(range(2, len(shape)))
    exact = images.astype(np.float64)
    expected = (exact - exact.mean(axes, keepdims=True)) / exact.std(axes, keepdims=True)
    np.testing.assert_allclose(Normalization("image").apply(torch.from_numpy(images)), expected, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.3])
def test_image_normalisation_of_a_constant_image_is_zero(value):
    """The floor under the deviation keeps rounding errors from being blown up."""
    normalised = Normalization("image").apply(torch.full((2, 3, 32, 32), value))
    assert normalised.abs().max() < 1e-3


@pytest.mark.parametrize("shape", [(8, 3, 64, 48), (4, 1, 300, 300)])
def test_image_normalisation_does_not_depend_on_the_batch(shape):
    """All images at once are the images alone, bit for bit, in either memory layout.

    Large grey images are what a plain mean over the batch fails on where torch has several threads.
    """
    images = torch.rand(shape)
    for layout in (torch.contiguous_format, torch.channels_last):
        batch = images.contiguous(memory_format=layout)
        alone = [Normalization("image").apply(image[None].contiguous(memory_format=layout)) for image in images]
        assert torch.equal(Normalization("image").apply(batch), torch.cat(alone))


def test_dataset_normalisation_is_numpys_over_the_store(make_store, noise):
    """More images than are read at a time, brightness differing between them and channels."""
    samples = {}
    for index, (name, sample) in enumerate(noise(21, (8, 8)).items()):
        dimmed = (sample.image * np.array([1.0, 0.5, 0.2 + index / 40])[:, None, None]).astype(np.uint8)
        samples[name] = Sample(dimmed, sample.mask)
    normalization = make_normalization(Data(normalization="dataset"), make_store(samples, (8, 8)))
    values = np.stack([sample.image for sample in samples.values()]) / 255
    np.testing.assert_allclose(normalization.mean, values.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(normalization.std, values.std(axis=(0, 2, 3)), rtol=1e-12)
    applied = normalization.apply(torch.from_numpy(values.astype(np.float32)))
    np.testing.assert_allclose(applied.mean(dim=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(applied.std(dim=(0, 2, 3)), 1, atol=1e-3)


def test_dataset_normalisation_of_floats_is_in_their_own_unit(make_store, noise):
    """Stored as int16 with a scale of their own, the values count, not the codes."""
    random = np.random.default_rng(0)
    samples = {
        name: Sample(random.normal(40 * index, 300, (3, 8, 8)).astype(np.float32), sample.mask)
        for index, (name, sample) in enumerate(noise(5, (8, 8)).items())
    }
    normalization = make_normalization(Data(normalization="dataset"), make_store(samples, (8, 8)))
    values = np.stack([sample.image for sample in samples.values()]).astype(np.float64)
    np.testing.assert_allclose(normalization.mean, values.mean(axis=(0, 2, 3)), atol=0.05)
    np.testing.assert_allclose(normalization.std, values.std(axis=(0, 2, 3)), atol=0.05)


def test_fixed_normalisation_uses_the_settings(make_store, noise):
    """(x - mean) / std per channel."""
    settings = Data(normalization="fixed", mean=(0.5, 0.4, 0.3), std=(0.2, 0.1, 0.5))
    images = torch.rand(2, 3, 4, 4)
    applied = make_normalization(settings, make_store(noise(2, (8, 8)), (8, 8))).apply(images)
    for channel in range(3):
        expected = (images[:, channel] - settings.mean[channel]) / settings.std[channel]
        torch.testing.assert_close(applied[:, channel], expected)


@pytest.mark.parametrize(("mean", "std"), [((), ()), ((0.5,), (0.2,)), ((0.5, 0.4, 0.3), (0.2,))])
def test_fixed_normalisation_that_does_not_fit_is_refused(mean, std, make_store, noise):
    """The message says how many there are and how many are needed."""
    store = make_store(noise(2, (8, 8)), (8, 8))
    with pytest.raises(UsageError, match=r"data\.mean.*one of each per channel \(3\)"):
        make_normalization(Data(normalization="fixed", mean=mean, std=std), store)


def test_dataset_normalisation_needs_a_store():
    """There is nothing to take the mean of without a training split."""
    with pytest.raises(UsageError, match="needs a training split"):
        make_normalization(Data(normalization="dataset"))


@pytest.mark.parametrize(
    "normalization", [Normalization("image"), Normalization("dataset", (0.1, 1 / 3), (0.7, 2 / 3))]
)
def test_it_survives_json(normalization):
    """What a checkpoint stores gives the same normalisation, to the last bit."""
    assert Normalization.from_dict(json.loads(json.dumps(normalization.to_dict()))) == normalization


@pytest.mark.parametrize(
    "values", [{}, {"kind": "fixed", "mean": "x", "std": []}, {"kind": "magic", "mean": [], "std": []}]
)
def test_a_damaged_one_is_refused(values):
    """A sentence instead of a KeyError."""
    with pytest.raises(SegkitError, match="checkpoint's normalization"):
        Normalization.from_dict(values)


def test_ct_clips_and_scales_each_channel_of_every_slice():
    """Numbers of one image with two channels, applied to a slab of three slices; a checkpoint keeps them."""
    ct = Normalization("ct", mean=(10.0, 20.0), std=(2.0, 4.0), low=(0.0, 5.0), high=(30.0, 50.0))
    images = torch.tensor([-9.0, -9.0, 12.0, 20.0, 99.0, 99.0]).view(1, 6, 1, 1)
    assert ct.apply(images).ravel().tolist() == [-5.0, -3.75, 1.0, 0.0, 10.0, 7.5]
    assert Normalization.from_dict(json.loads(json.dumps(ct.to_dict()))) == ct


@pytest.mark.parametrize("kind", ["image", "body"])
def test_a_part_of_a_volume_takes_the_numbers_of_the_whole(kind):
    """Bound to a case, or given the moments of several: the same, and not those of the part."""
    volume = np.random.default_rng(0).normal(300, 40, (2, 6, 8, 8)).astype(np.float32)
    volume[:, :, [0, 1, 6, 7]] = volume[:, :, :, [0, 1, 6, 7]] = -1000
    bound = Normalization(kind).of_case(volume)
    part = torch.from_numpy(volume[None, :, 2:4])
    values = volume[:, :, 2:6, 2:6] if kind == "body" else volume
    mean, std = (method(values, axis=(1, 2, 3), keepdims=True, dtype=np.float64) for method in (np.mean, np.std))
    np.testing.assert_allclose(bound.apply(part)[0], (volume[:, 2:4] - mean) / std, rtol=1e-4, atol=1e-4)
    moments = (torch.tensor([bound.mean]), torch.tensor([bound.std]))
    torch.testing.assert_close(Normalization(kind).apply(part, moments), bound.apply(part))


def test_kinds_for_all_cases_are_not_bound():
    """Only the kinds with each case's own numbers look at the volume."""
    fixed = Normalization("fixed", (1.0,), (2.0,))
    assert fixed.of_case(np.zeros((1, 2, 2, 2))) is fixed
    with pytest.raises(ValueError, match="of_case"):
        Normalization("body").apply(torch.zeros(1, 1, 4, 4))
