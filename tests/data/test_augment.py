from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from scipy import ndimage

from segkit.data import augment as applying
from segkit.data import changes as module
from segkit.data import draws as places
from segkit.data.changes import draw_changes, draw_fields
from segkit.data.draws import draw
from segkit.data.normalize import Normalization
from segkit.settings import Augment

UNIT = Normalization("unit")
EVERYTHING = Augment(
    flip=0.5, transpose=0.5, warp=0.7, rotation=180, scale=0.4, shift=0.1,
    elastic=0.3, noise=0.1, brightness=0.2, contrast=0.3, saturation=0.3, colour=0.1,
)  # fmt: skip


def batch(count=8, channels=3, shape=(24, 24), labels=(0, 1, 2, 255)):
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.random((count, channels, *shape), dtype=np.float32))
    masks = torch.from_numpy(random.choice(np.array(labels, np.uint8), (count, *shape)))
    return images, masks, [(0, 3, index) for index in range(count)]


def augment(images, masks, settings, normalization, keys, *, spacing=None, **options):
    """Draw what becomes of the samples, and do it."""
    changes = draw_fields(draw_changes(keys, settings, images.shape[1:], spacing), settings, images.shape[1:])
    return applying.augment(images, masks, changes, normalization, **options)


def fixed_draws(monkeypatch, **values: float):
    """Give every sample the same draws: 0.5 (no change, no flip below 0.5) but for the named ones."""
    row = np.full(places.COLOUR + 3, 0.5)
    for name, value in values.items():
        row[np.array(getattr(places, name))] = value
    monkeypatch.setattr(module, "draw", lambda keys, channels: np.tile(row, (len(keys), 1)))


@pytest.mark.parametrize("shape", [(24, 24), (17, 30), (6, 9, 9)])
@pytest.mark.parametrize("kind", ["unit", "image"])
def test_a_sample_does_not_depend_on_its_batch(shape, kind):
    """Eight at once, one by one, and in another order: the same bits."""
    images, masks, keys = batch(shape=shape)
    normalization = Normalization(kind)
    together = augment(images, masks, EVERYTHING, normalization, keys)
    for index in range(len(keys)):
        one = slice(index, index + 1)
        alone = augment(images[one], masks[one], EVERYTHING, normalization, keys[one])
        assert torch.equal(alone[0], together[0][one])
        assert torch.equal(alone[1], together[1][one])
    order = [5, 1, 7, 0]
    some = augment(images[order], masks[order], EVERYTHING, normalization, [keys[index] for index in order])
    assert torch.equal(some[0], together[0][order])


def test_seed_epoch_and_case_each_change_the_draws():
    """No two of neighbouring keys share a number, and a key always gives the same ones."""
    keys = [(seed, epoch, index) for seed in range(3) for epoch in range(3) for index in range(3)]
    draws = draw(keys, 3)
    assert len(np.unique(draws)) == draws.size
    np.testing.assert_array_equal(draws, draw(keys, 3))
    np.testing.assert_array_equal(draws[:, : places.COLOUR + 1], draw(keys, 1))


def test_draws_are_uniform():
    """Mean and deviation of 20,000 draws of one option over many cases are those of the uniform distribution."""
    draws = draw([(0, 0, index) for index in range(2000)], 3)[:, :10]
    assert abs(draws.mean() - 1 / 2) < 0.01
    assert abs(draws.std() - 12**-0.5) < 0.01


def test_switching_an_option_off_does_not_change_the_others():
    """With and without colours, the masks are moved in the same way."""
    images, masks, keys = batch()
    without = Augment(flip=0.5, transpose=0.5, warp=0.7, rotation=180, scale=0.4, shift=0.1, elastic=0.3)
    moved = augment(images, masks, EVERYTHING, UNIT, keys)[1]
    assert torch.equal(moved, augment(images, masks, without, UNIT, keys)[1])


def test_nothing_asked_for_only_normalises():
    """Images are normalised, masks untouched, the arguments not changed."""
    images, masks, keys = batch()
    before = images.clone()
    done_images, done_masks = augment(images, masks, Augment(), Normalization("image"), keys)
    assert torch.equal(done_images, Normalization("image").apply(images))
    assert torch.equal(done_masks, masks.long())
    augment(images, masks, EVERYTHING, UNIT, keys)
    assert torch.equal(images, before)


@pytest.mark.parametrize("shape", [(7, 11), (9, 9), (3, 8, 8)])
def test_flips_and_transposes_are_exact(shape):
    """Every sample is one of numpy's flips and transposes of itself, image and mask alike; all kinds occur."""
    images, masks, keys = batch(count=150, channels=2, shape=shape)
    done_images, done_masks = augment(images, masks, Augment(flip=0.5, transpose=0.5), UNIT, keys)
    square = shape[-1] == shape[-2]
    seen = set()
    for index in range(len(keys)):
        for flips in np.ndindex(*[2] * len(shape)):
            for swap in range(1 + square):
                axes = [axis for axis, flipped in enumerate(flips) if flipped]
                mask = np.flip(masks[index].numpy(), axes)
                image = np.flip(images[index].numpy(), [axis + 1 for axis in axes])
                if swap:
                    mask, image = mask.swapaxes(-1, -2), image.swapaxes(-1, -2)
                if np.array_equal(mask, done_masks[index].numpy()):
                    np.testing.assert_array_equal(image, done_images[index].numpy())
                    seen.add((*flips, swap))
    assert len(seen) == 2 ** len(shape) * (1 + square)


def scipy_warp(array, degrees, factor, shift, order, outside):
    """Warp by scipy: output offset from the centre -> rotated, divided by the factor, shifted."""
    dims = array.ndim
    angle = np.deg2rad(degrees)
    matrix = np.eye(dims)
    matrix[-2:, -2:] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    matrix /= factor
    centre = (np.array(array.shape) - 1) / 2
    offset = centre - matrix @ centre + np.array(shift) * array.shape
    return ndimage.affine_transform(array, matrix, offset, order=order, mode="grid-constant", cval=outside)


@pytest.mark.parametrize("shape", [(32, 32), (20, 37), (6, 15, 22)])
def test_a_warp_is_scipys(shape, monkeypatch):
    """Rotation, scale and shift in one linear interpolation, rigid on grids that are not square."""
    fixed_draws(monkeypatch, WARP=0.0, ROTATION=0.75, SCALE=0.8, SHIFT=(0.9, 0.3, 0.6))
    images, masks, keys = batch(count=2, channels=1, shape=shape, labels=(0, 1, 2))
    settings = Augment(warp=1, rotation=60, scale=0.5, shift=0.2)
    done_images, done_masks = augment(images, masks, settings, UNIT, keys)
    shift = [0.2 * (2 * number - 1) for number in (0.9, 0.3, 0.6)][: len(shape)][::-1]
    arguments = (30, 1.5**0.6, shift)
    expected = scipy_warp(images[0, 0].numpy().astype(np.float64), *arguments, 1, 0.0)
    np.testing.assert_allclose(done_images[0, 0], expected, atol=1e-4)
    labels = scipy_warp(masks[0].numpy().astype(np.int64), *arguments, 0, 255)
    # A position that falls between two pixels to the last bit may go to either.
    assert (done_masks[0].numpy() == labels).mean() > 0.99
    assert (labels == 255).any()


@pytest.mark.parametrize("shape", [(32, 32), (20, 37), (6, 15, 15)])
def test_a_warped_sample_is_mirrored_first(shape, monkeypatch):
    """One interpolation finds what flipping, then swapping the last two axes, then scipy's warp finds."""
    fixed_draws(monkeypatch, FLIP=(0.0, 0.9, 0.0), TRANSPOSE=0.0, WARP=0.0, ROTATION=0.75, SHIFT=(0.9, 0.3, 0.6))
    images, masks, keys = batch(count=1, channels=1, shape=shape, labels=(0, 1, 2))
    settings = Augment(flip=0.5, transpose=0.5, warp=1, rotation=60, shift=0.2)
    done_images, done_masks = augment(images, masks, settings, UNIT, keys)
    shift = [0.2 * (2 * number - 1) for number in (0.9, 0.3, 0.6)][: len(shape)][::-1]
    flips = (-1,) if len(shape) == 2 else (-1, -3)
    image, mask = (np.flip(values[0].numpy(), flips) for values in (images[:, 0].double(), masks.long()))
    if shape[-1] == shape[-2]:
        image, mask = image.swapaxes(-1, -2), mask.swapaxes(-1, -2)
    np.testing.assert_allclose(done_images[0, 0], scipy_warp(image, 30, 1, shift, 1, 0.0), atol=1e-4)
    assert (done_masks[0].numpy() == scipy_warp(mask, 30, 1, shift, 0, 255)).mean() > 0.99


def test_what_comes_from_outside_is_zero_and_ignored(monkeypatch):
    """A shift by half the width: the image is 0 after normalisation there, the mask 255, the rest exact."""
    fixed_draws(monkeypatch, WARP=0.0, SHIFT=(1.0, 0.5, 0.5))
    images, masks, keys = batch(count=1, shape=(8, 8), labels=(0, 1, 255))
    normalization = Normalization("fixed", (0.5,) * 3, (0.1,) * 3)
    done_images, done_masks = augment(images, masks, Augment(warp=1, shift=0.5), normalization, keys)
    torch.testing.assert_close(done_images[..., :4], normalization.apply(images)[..., 4:], atol=1e-5, rtol=0)
    assert torch.equal(done_masks[..., :4], masks[..., 4:].long())
    assert (done_images[..., 4:].abs() < 1e-5).all()
    assert (done_masks[..., 4:] == 255).all()


def test_a_warp_invents_no_label():
    """Classes 0, 7 and 255 never mix to anything between them."""
    images, masks, keys = batch(count=20, labels=(0, 7, 255))
    done = augment(images, masks, EVERYTHING, UNIT, keys)[1]
    assert set(done.unique().tolist()) == {0, 7, 255}
    assert done.dtype == torch.int64


def test_image_and_mask_stay_together():
    """A mask painted into the image is 1 where the warped image is surely bright, 0 where it is surely dark."""
    random = np.random.default_rng(0)
    masks = torch.from_numpy(ndimage.zoom(random.random((12, 4, 4)), (1, 10, 10), order=1) > 0.5).byte()
    images = masks[:, None].float().repeat(1, 3, 1, 1)
    settings = Augment(flip=0.5, transpose=0.5, warp=1, rotation=180, scale=0.4, shift=0.1)
    done_images, done_masks = augment(images, masks, settings, UNIT, [(0, 0, index) for index in range(12)])
    inside = done_masks != 255
    image = done_images[:, 0]
    # Where all four neighbours are lesion the nearest one is, and where none is, neither.
    assert (done_masks[inside & (image > 0.999)] == 1).all()
    assert (done_masks[inside & (image < 0.001)] == 0).all()
    assert (inside & ((image > 0.999) | (image < 0.001))).float().mean() > 0.5


@pytest.mark.parametrize(
    ("settings", "draws", "expected"),
    [
        (Augment(brightness=0.2), {"BRIGHTNESS": 0.75}, lambda x: x + 0.1),
        (Augment(contrast=1.0), {"CONTRAST": 0.0}, lambda x: x.mean() + (x - x.mean()) * 0.5),
        (Augment(contrast=1.0), {"CONTRAST": 1.0}, lambda x: x.mean() + (x - x.mean()) * 2),
        (Augment(colour=0.5), {"COLOUR": 1.0}, lambda x: x * np.array([1.5, 1, 1])[:, None, None]),
    ],
)  # fmt: skip
def test_photometric_changes_are_their_formulas(settings, draws, expected, monkeypatch):
    """Computed by numpy for one image, clamped to 0 to 1."""
    fixed_draws(monkeypatch, **draws)
    images, masks, keys = batch(count=1)
    done = augment(images, masks, settings, UNIT, keys)[0][0]
    np.testing.assert_allclose(done, np.clip(expected(images[0].double().numpy()), 0, 1), atol=1e-5)


def test_saturation_keeps_the_luma(monkeypatch):
    """Python's own YIQ conversion finds the same luma and half the chroma; other channel counts are left alone."""
    fixed_draws(monkeypatch, SATURATION=0.0)
    images, masks, keys = batch(count=1, shape=(4, 4))
    images = images * 0.4 + 0.3
    done = augment(images, masks, Augment(saturation=1.0), UNIT, keys)[0]
    for before, after in zip(images[0].flatten(1).T.tolist(), done[0].flatten(1).T.tolist(), strict=True):
        y, i, q = colorsys.rgb_to_yiq(*before)
        assert colorsys.rgb_to_yiq(*after) == pytest.approx((y, i / 2, q / 2), abs=0.01)
    two = images[:, :2]
    assert torch.equal(augment(two, masks, Augment(saturation=1.0), UNIT, keys)[0], two)


def test_noise_is_gaussian_and_as_strong_as_drawn(monkeypatch):
    """Half of the largest deviation is drawn; a million values are normally distributed, no two samples alike."""
    fixed_draws(monkeypatch, NOISE=0.5)
    images, masks, keys = batch(count=2, shape=(400, 400))
    done = augment(images, masks, Augment(noise=0.4), Normalization("image"), keys)[0]
    noise = (done - Normalization("image").apply(images)).double()
    assert abs(noise.mean()) < 0.002
    assert abs(noise.std() - 0.2) < 0.002
    assert abs(((noise / noise.std()) ** 4).mean() - 3) < 0.05
    assert abs(torch.corrcoef(noise.flatten(1))[0, 1]) < 0.01


def test_limits_are_for_images_that_have_them(monkeypatch):
    """Colours are clamped to the limits; without limits, as for CT, nothing is cut."""
    fixed_draws(monkeypatch, BRIGHTNESS=1.0)
    images, masks, keys = batch(count=1)
    settings = Augment(brightness=0.9)
    assert augment(images, masks, settings, UNIT, keys)[0].max() == 1
    torch.testing.assert_close(augment(images, masks, settings, UNIT, keys, limits=None)[0], images + 0.9)


def test_a_volume_is_turned_about_all_axes_in_mm(monkeypatch):
    """Rotation and both tilts together are scipy's, of a volume whose slices are thicker than its pixels are wide."""
    fixed_draws(monkeypatch, WARP=0.0, ROTATION=0.75, TILT=(0.8, 0.3))
    images, masks, keys = batch(count=1, channels=1, shape=(9, 16, 20), labels=(0, 1))
    spacing = np.array([3.0, 1.0, 1.5])
    settings = Augment(warp=1, rotation=40, tilt=30)
    done = augment(images, masks, settings, UNIT, keys, spacing=tuple(spacing))[0]

    def turn(degrees, first, second):
        angle, matrix = np.deg2rad(degrees), np.eye(3)
        matrix[[first, second], [first, second]] = np.cos(angle)
        matrix[first, second], matrix[second, first] = np.sin(angle), -np.sin(angle)
        return matrix

    in_mm = turn(20, 1, 2) @ turn(18, 0, 1) @ turn(-12, 0, 2)
    matrix = np.diag(1 / spacing) @ in_mm @ np.diag(spacing)
    centre = (np.array([9, 16, 20]) - 1) / 2
    expected = ndimage.affine_transform(
        images[0, 0].double().numpy(), matrix, centre - matrix @ centre, order=1, mode="grid-constant", cval=0.0
    )
    np.testing.assert_allclose(done[0, 0], expected, atol=1e-4)


def test_padding_stays_nothing_whatever_changes(monkeypatch):
    """Brightness of normalised volumes does not reach what lies outside of them."""
    fixed_draws(monkeypatch, BRIGHTNESS=1.0)
    images, masks, keys = batch(count=2, channels=1, shape=(4, 6, 6))
    inside = [(slice(1, 3), slice(0, 6), slice(2, 6)), None]
    before = images.clone()
    done = augment(images, masks, Augment(brightness=0.5), UNIT, keys, limits=None, inside=inside)[0]
    assert torch.equal(images, before)
    torch.testing.assert_close(done[0, :, 1:3, :, 2:], images[0, :, 1:3, :, 2:] + 0.5)
    assert done[0].count_nonzero() == 2 * 6 * 4
    torch.testing.assert_close(done[1], images[1] + 0.5)
