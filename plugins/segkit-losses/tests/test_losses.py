"""The losses against closed forms, finite differences and the loss contract."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_checks import (
    DECLARED,
    PER_SAMPLE,
    WEIGHTS,
    both_widths,
    check_closed_form,
    check_extremes,
    check_half_precision,
    check_ignored,
    check_weights,
    every_loss,
    make,
    random_batch,
)

from segkit import UsageError
from segkit_losses import common


@every_loss
@both_widths
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 2)])
def test_each_sample_has_its_closed_form(name, params, channels, shape):
    """Values are per sample, over its own valid pixels, in 2D and 3D."""
    check_closed_form(name, params, channels, shape)


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_by_label(name):
    """Class weights and alpha have their closed form."""
    check_weights(name)


@every_loss
@both_widths
def test_gradcheck(name, params, channels):
    """Analytic gradients equal finite differences, ignored pixels included."""
    logits, mask = random_batch(channels, (2, 3), samples=2)
    assert torch.autograd.gradcheck(lambda z: make(name, channels, **params)(z, mask), logits.requires_grad_())


@every_loss
@both_widths
def test_ignored_pixels_do_not_count(name, params, channels):
    """Their logits change neither value nor gradient, and get no gradient."""
    check_ignored(name, params, channels)


@every_loss
@both_widths
def test_sample_without_valid_pixels_is_zero_without_gradient(name, params, channels):
    """It contributes nothing, and the other samples are untouched."""
    logits, mask = random_batch(channels)
    mask[1] = 255
    logits.requires_grad_()
    values = make(name, channels, **params)(logits, mask)
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    assert values[1] == 0
    assert not gradient[1].any()
    assert gradient[0].any()
    assert gradient.isfinite().all()


@every_loss
@both_widths
@pytest.mark.parametrize("size", [0.0, 30.0, 1e4])
@pytest.mark.parametrize("content", ["empty", "full", "mixed", "ignored"])
def test_gradients_are_finite_at_the_extremes(name, params, channels, size, content):
    """Perfect, saturated, wrong, empty and full: nothing becomes NaN or infinite in float32."""
    check_extremes(name, params, channels, size, content)


@every_loss
@both_widths
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_large_images(name, params, dtype, channels):
    """512x512 half-precision logits give the float32 value of the same numbers, with finite gradients."""
    check_half_precision(name, params, dtype, channels)


def test_autocast_does_not_reach_inside():
    """A product that autocast would lower stays in float32 within a loss."""
    logits = random_batch(3)[0].float()
    product = common.at_least_float32(lambda z, _mask: z @ z.mT)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (logits @ logits.mT).dtype == torch.bfloat16
        assert product(logits, logits).dtype == torch.float32


@pytest.mark.parametrize("name", ["ce", "focal", "dice", "generalized-dice", "tversky", "focal-tversky"])
def test_softmax_at_one_logit_is_that_of_zero_and_the_logit(name):
    """One class as K = 1 costs the same as background and class with logits 0 and x."""
    logits, mask = random_batch(1)
    several = torch.cat([torch.zeros_like(logits), logits, torch.full_like(logits, -1e9)], dim=1)
    params = {} if name in ("ce", "focal") else {"absent": "skip"}
    torch.testing.assert_close(make(name, 1, **params)(logits, mask), make(name, 3, **params)(several, mask))


def test_special_cases():
    """Where two losses are the same formula they have the same values."""
    for channels in (1, 3):
        logits, mask = random_batch(channels)
        half = {"false_positive_weight": 0.5, "false_negative_weight": 0.5}

        def value(name, channels=channels, logits=logits, mask=mask, **params):
            return make(name, channels, **params)(logits, mask)

        torch.testing.assert_close(value("dice", smooth=0.2), value("tversky", smooth=0.1, **half))
        torch.testing.assert_close(value("focal-tversky", exponent=1.0), value("tversky"))
        torch.testing.assert_close(value("focal", gamma=0.0), value("ce"))
        torch.testing.assert_close(value("focal", gamma=0.0, form="sigmoid"), value("bce"))
    torch.testing.assert_close(make("ce")(*random_batch(1)), make("bce")(*random_batch(1)))


def test_pos_weight_multiplies_positive_pixels():
    """It is a factor on pixels with t = 1, not divided out."""
    logits, mask = random_batch(3, ignore=0)
    weights = np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    s = 1 / (1 + np.exp(-logits.numpy()))
    t = mask.numpy()[:, None] == np.arange(3).reshape(3, 1, 1)
    wanted = np.where(t, -weights * np.log(s), -np.log(1 - s)).mean(axis=(1, 2, 3))
    found = make("bce", 3, pos_weight=(1.0, 2.0, 3.0))(logits, mask)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name, loss in DECLARED.items() if loss.scope == "batch"])
@both_widths
def test_over_the_batch_it_is_the_loss_of_one_large_sample(name, channels):
    """The batch laid side by side; the value is one scalar."""
    logits, mask = random_batch(channels)
    value = make(name, channels)(logits, mask)
    assert value.ndim == 0
    wide = torch.cat(list(logits), dim=2)[None], torch.cat(list(mask), dim=1)[None]
    torch.testing.assert_close(value, make(name.removeprefix("batch-"), channels)(*wide)[0])
    assert not torch.isclose(value, make(name.removeprefix("batch-"), channels)(logits, mask).mean(), rtol=1e-6)
    assert torch.autograd.gradcheck(
        lambda z: make(name, channels)(z, mask[:, :2, :2]), logits[..., :2, :2].requires_grad_()
    )
    assert make(name, channels)(logits, torch.full_like(mask, 255)) == 0


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]), st.sampled_from(PER_SAMPLE))
def test_pixels_may_be_flipped_and_classes_renamed(seed, channels, name):
    """A flip, a transpose and, with several logits, a permutation of the classes leave the value."""
    logits, mask = random_batch(channels, seed=seed)
    loss = make(name, channels)
    value = loss(logits, mask)
    torch.testing.assert_close(value, loss(logits.flip(2), mask.flip(1)))
    torch.testing.assert_close(value, loss(logits.transpose(2, 3), mask.transpose(1, 2)))
    if channels > 1:
        renamed = torch.where(mask == 1, 2, torch.where(mask == 2, 1, mask))
        torch.testing.assert_close(value, loss(logits[:, [0, 2, 1]], renamed))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]), st.sampled_from(PER_SAMPLE))
def test_range_and_perfect_prediction(seed, channels, name):
    """Values are not negative, those of region losses at most 1, and nearly 0 where the prediction is the mask."""
    logits, mask = random_batch(channels, seed=seed, ignore=0)
    loss = make(name, channels)
    bounded = name not in ("bce", "ce", "focal") and not (name == "lovasz" and channels == 1)
    assert (loss(logits, mask) >= 0).all()
    assert not bounded or (loss(logits, mask) <= 1).all()
    labels = torch.arange(1 if channels == 1 else 0, max(2, channels))[:, None, None]
    perfect = 80.0 * (2 * (mask.unsqueeze(1) == labels).double() - 1)
    assert (loss(perfect, mask) < 1e-9).all()


@given(st.integers(0, 10_000))
def test_lovasz_hinge_gradient_is_a_subgradient_where_all_errors_are_equal(seed):
    """The hinge is convex: it lies above its tangent, whichever of equal errors is ranked first."""
    mask = random_batch(1, seed=seed)[1]
    start = torch.zeros(3, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    value = make("lovasz")(start, mask)
    (gradient,) = torch.autograd.grad(value.sum(), start)
    other = random_batch(1, seed=seed + 1)[0]
    tangent = value.detach() + (gradient * other).flatten(1).sum(dim=1)
    assert (make("lovasz")(other, mask) >= tangent - 1e-9).all()


def test_absent_class():
    """A class that the mask lacks: kept it costs nearly 1, skipped it leaves the mean, zero halves it."""
    logits, mask = random_batch(3, samples=1, ignore=0)
    mask[mask == 2] = 0
    kept, skipped, zero = (make("dice", 3, absent=absent)(logits, mask).item() for absent in ("keep", "skip", "zero"))
    assert kept == pytest.approx((skipped + 1) / 2, abs=1e-4)
    assert zero == pytest.approx(skipped / 2)


@pytest.mark.parametrize("name", [*WEIGHTS, "batch-dice"])
def test_weights_that_do_not_fit_the_labels(name):
    """The message names the param, the labels and how many numbers to give."""
    param = WEIGHTS.get(name, "class_weights")
    for weights in ((1.0, 2.0), (1.0, 0.0, 0.0)):
        with pytest.raises(UsageError, match=rf"{param}.*background, a, b") as raised:
            make(name, 3, **{param: weights})
        assert "give 3 numbers" in raised.value.hint
    with pytest.raises(UsageError, match="pos_weight has 2 numbers, the network 3 logits"):
        make("bce", 3, pos_weight=(1.0, 2.0))


def test_declaring_does_not_import_torch():
    """The plugin's own module stays light."""
    code = "import sys, segkit_losses; segkit_losses.segkit_losses(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
