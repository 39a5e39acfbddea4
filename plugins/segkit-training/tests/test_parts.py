"""Augmentations, normalisations and samplers against what they say of themselves."""

import pytest

pytest.importorskip("segkit_training")

from collections import Counter

import numpy as np
import torch
from scipy import ndimage

from segkit import Task
from segkit_training import augmentations, normalizations, samplers
from segkit_training.params import Balanced, Blur, ForegroundShare, Gamma, Holes, Percentile, Robust, ValueRange

TASK = Task(1, ("organ", "lesion"))


def sample(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """An image with a mask."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, *shape, generator=generator), torch.ones(shape, dtype=torch.long)


@pytest.mark.parametrize("shape", [(9, 12), (5, 6, 7)])
@pytest.mark.parametrize(
    ("build", "params"),
    [
        (augmentations.gamma, Gamma(probability=1.0)),
        (augmentations.blur, Blur(probability=1.0)),
        (augmentations.holes, Holes(probability=1.0)),
    ],
)
def test_augmentations_change_the_image_alone(build, params, shape) -> None:
    """In 2D and 3D; the mask stays, equal randomness gives equal samples, what was given is left as it was."""
    image, mask = sample(*shape)
    before = image.clone()
    change = build(TASK, params)
    one, labels = change(image, mask, np.random.default_rng(3))
    again, _ = change(image, mask, np.random.default_rng(3))
    assert torch.equal(one, again)
    assert torch.equal(image, before)
    assert not torch.equal(one, before)
    assert torch.equal(labels, mask)
    assert one.shape == image.shape


@pytest.mark.parametrize("build", [augmentations.gamma, augmentations.blur, augmentations.holes])
def test_probability_zero_changes_nothing(build) -> None:
    """The sample itself."""
    kind = {"gamma": Gamma, "blur": Blur, "holes": Holes}[build.__name__]
    image, mask = sample(8, 8)
    assert build(TASK, kind(probability=0.0))(image, mask, np.random.default_rng(0))[0] is image


def test_blur_is_scipy_s() -> None:
    """Of the same width, cut off at three times of it."""
    image, mask = sample(20, 24)
    random = np.random.default_rng(1)
    found, _ = augmentations.blur(TASK, Blur(limit=1.5, probability=1.0))(image, mask, random)
    random = np.random.default_rng(1)
    random.random()
    width = random.uniform(0.1, 1.5)
    radius = int(np.ceil(3 * width))
    wanted = ndimage.gaussian_filter(image[0].double().numpy(), width, mode="nearest", radius=radius)
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=1e-5)


def test_percentiles_become_0_and_1() -> None:
    """Of each channel on its own."""
    image = np.stack([np.linspace(0, 10, 101), np.linspace(-5, 5, 101)]).astype(np.float32)[:, :, None]
    low, high, mean, std = normalizations.percentile(Percentile(low=10, high=90))(image)
    np.testing.assert_allclose([low, high, mean, std], [[1, -4], [9, 4], [1, -4], [8, 8]], atol=1e-5)


def test_robust_of_a_normal_distribution_is_its_moments() -> None:
    """Also where most of the image is 0 and counts as nothing."""
    values = np.random.default_rng(0).normal(5, 2, 40_000).astype(np.float32)
    image = np.concatenate([values, np.zeros(60_000, np.float32)])[None, :, None]
    _, _, mean, std = normalizations.robust(Robust(nonzero=True))(image)
    np.testing.assert_allclose([mean[0], std[0]], [5, 2], atol=0.05)


def test_a_constant_image_has_a_deviation() -> None:
    """No division by 0, whatever the normalisation."""
    image = np.ones((1, 4, 4), np.float32)
    for build, params in ((normalizations.percentile, Percentile()), (normalizations.robust, Robust())):
        assert (np.asarray(build(params)(image)[3]) > 0).all()


def test_a_value_range_is_the_same_for_every_case() -> None:
    """Its ends become 0 and 1, whatever the image."""
    rows = normalizations.value_range(ValueRange(low=-2.0, high=6.0))(np.zeros((1, 3, 3), np.float32))
    assert [row[0] for row in rows] == [-2.0, 6.0, -2.0, 8.0]
    with pytest.raises(ValueError, match="low=1 is not below high=0"):
        ValueRange(low=1.0, high=0.0)


def test_balanced_draws_each_class_as_often() -> None:
    """Also one that a single case of many has."""
    labels = [(1,)] * 98 + [(1, 2), ()]
    chosen = samplers.balanced(TASK, Balanced(anywhere=0.2))(labels, 5000, np.random.default_rng(0))
    times = Counter(label for _, label in chosen)
    assert times[1] / 5000 == pytest.approx(0.4, abs=0.03)
    assert times[2] / 5000 == pytest.approx(0.4, abs=0.03)
    assert all(label is None or label in labels[case] for case, label in chosen)


@pytest.mark.parametrize("labels", [[(1,), (), (), ()], [(1,)], [()]])
def test_a_share_has_foreground(labels) -> None:
    """As far as there are cases of both sorts."""
    chosen = samplers.foreground_share(TASK, ForegroundShare(share=0.7))(labels, 2000, np.random.default_rng(0))
    share = np.mean([bool(labels[case]) for case, _ in chosen])
    wanted = 0.7 if len({bool(held) for held in labels}) == 2 else float(bool(labels[0]))
    assert share == pytest.approx(wanted, abs=0.04)
