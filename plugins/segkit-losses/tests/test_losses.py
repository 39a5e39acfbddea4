"""The losses against closed forms, finite differences and the loss contract."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit import Task
from segkit.params import NoParams
from segkit_losses import DiceParams, bce, ce, dice
from segkit_losses.common import at_least_float32

TASKS = {1: Task(3, ("a",)), 3: Task(3, ("a", "b"))}


def make(name, channels=1, **params):
    """One of the losses, built as the engine builds it."""
    if name == "dice":
        return dice.build(TASKS[channels], DiceParams(**params))
    return {"bce": bce, "ce": ce}[name].build(TASKS[channels], NoParams())


VARIANTS = [
    ("bce", {}),
    ("ce", {}),
    ("dice", {}),
    ("dice", {"absent": "skip"}),
    ("dice", {"absent": "zero", "include_background": True}),
    ("dice", {"squared": True, "smooth": 1.0}),
    ("dice", {"smooth": 0.0}),
]
every_loss = pytest.mark.parametrize(
    ("name", "params"), VARIANTS, ids=[f"{name}-{params}" for name, params in VARIANTS]
)
both_widths = pytest.mark.parametrize("channels", [1, 3])


def random_batch(channels, shape=(4, 5), samples=3, seed=0, ignore=0.2):
    """Float64 logits and a mask with ignored pixels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (samples, channels, *shape))
    mask = rng.integers(0, max(2, channels), (samples, *shape))
    mask[rng.random(mask.shape) < ignore] = 255
    return torch.from_numpy(logits), torch.from_numpy(mask)


def softmax(z):
    """Probabilities (K, pixels), K = 1 read as [0, logit]."""
    z = np.concatenate([np.zeros_like(z), z]) if len(z) == 1 else z
    return np.exp(z) / np.exp(z).sum(axis=0)


def expected(name, logits, mask, params):
    """The loss of one sample by its formula, in numpy, pixel by pixel of the valid ones."""
    valid = mask.reshape(-1) != 255
    z, t = logits.reshape(len(logits), -1)[:, valid], mask.reshape(-1)[valid]
    if name == "bce":
        labels = [1] if len(z) == 1 else range(len(z))
        sigmoid = 1 / (1 + np.exp(-z))
        return -np.mean([np.log(np.where(t == k, s, 1 - s)) for k, s in zip(labels, sigmoid, strict=True)])
    p = softmax(z)
    if name == "ce":
        return -np.mean(np.log(p[t, np.arange(len(t))]))
    settings, terms = DiceParams(**params), []
    for k in range(0 if settings.include_background else 1, len(p)):
        denominator = (p[k] ** 2 if settings.squared else p[k]).sum() + (t == k).sum() + settings.smooth
        term = 1 - (2 * p[k][t == k].sum() + settings.smooth) / denominator
        if (t == k).any() or settings.absent == "keep":
            terms.append(term)
        elif settings.absent == "zero":
            terms.append(0.0)
    return np.mean(terms) if terms else 0.0


@every_loss
@both_widths
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 2)])
def test_each_sample_has_its_closed_form(name, params, channels, shape):
    """Values are per sample, over its own valid pixels, in 2D and 3D."""
    logits, mask = random_batch(channels, shape)
    mask[1][mask[1] == 1] = 0
    found = make(name, channels, **params)(logits, mask)
    wanted = [expected(name, z, t, params) for z, t in zip(logits.numpy(), mask.numpy(), strict=True)]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9)


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
    logits, mask = random_batch(channels)
    other = torch.where((mask == 255).unsqueeze(1), logits + 7, logits)
    values, gradients = [], []
    for z in (logits.clone().requires_grad_(), other.requires_grad_()):
        values.append(make(name, channels, **params)(z, mask))
        gradients.append(torch.autograd.grad(values[-1].sum(), z)[0])
    torch.testing.assert_close(values[0], values[1])
    torch.testing.assert_close(gradients[0], gradients[1])
    assert not gradients[0].masked_select((mask == 255).unsqueeze(1)).any()


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
    mask = {"empty": torch.zeros(1, 4, 4), "full": torch.ones(1, 4, 4), "ignored": torch.full((1, 4, 4), 255.0)}.get(
        content, torch.tensor([[[0.0, 1, 0, 1]] * 4])
    )
    for sign in (1, -1):
        logits = torch.zeros(1, channels, 4, 4)
        logits[:, -1 if channels == 1 else 1] = sign * size * (2 * mask.clamp(max=1) - 1)
        logits.requires_grad_()
        value = make(name, channels, **params)(logits, mask.long())
        (gradient,) = torch.autograd.grad(value.sum(), logits)
        assert value.isfinite().all()
        assert gradient.isfinite().all()


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_large_images(name, params, dtype):
    """512x512 half-precision logits give the float32 value of the same numbers, with finite gradients."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 3, 512, 512, generator=generator).to(dtype)
    mask = torch.randint(0, 3, (1, 512, 512), generator=generator)
    half = logits.clone().requires_grad_()
    value = make(name, 3, **params)(half, mask)
    value.sum().backward()
    assert value.dtype == torch.float32
    assert torch.equal(value, make(name, 3, **params)(logits.float(), mask))
    assert half.grad.isfinite().all()


def test_autocast_does_not_reach_inside():
    """A product that autocast would lower stays in float32 within a loss."""
    logits = random_batch(3)[0].float()
    product = at_least_float32(lambda z, _mask: z @ z.mT)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (logits @ logits.mT).dtype == torch.bfloat16
        assert product(logits, logits).dtype == torch.float32


@pytest.mark.parametrize("name", ["ce", "dice"])
def test_softmax_at_one_logit_is_that_of_zero_and_the_logit(name):
    """One class as K = 1 costs the same as background and class with logits 0 and x."""
    logits, mask = random_batch(1)
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    torch.testing.assert_close(make(name)(logits, mask), make(name, 3)(both, mask))


def test_ce_equals_bce_at_one_logit():
    """Both are the same formula there."""
    logits, mask = random_batch(1)
    torch.testing.assert_close(make("ce")(logits, mask), make("bce")(logits, mask))


@given(st.integers(0, 10_000), st.sampled_from([1, 3]), st.booleans())
def test_dice_is_in_range_and_falls_towards_the_mask(seed, channels, squared):
    """0 <= dice <= 1, and 0 up to rounding where the prediction is the mask."""
    logits, mask = random_batch(channels, seed=seed, ignore=0)
    loss = make("dice", channels, squared=squared, absent="skip")
    values = loss(logits, mask)
    assert ((values >= 0) & (values <= 1)).all()
    labels = torch.arange(1 if channels == 1 else 0, max(2, channels))[:, None, None]
    perfect = 80.0 * (2 * (mask.unsqueeze(1) == labels).double() - 1)
    assert (loss(perfect, mask) < 1e-12).all()


def test_absent_class():
    """A class that the mask lacks: kept it costs nearly 1, skipped it leaves the mean, zero halves it."""
    logits, mask = random_batch(3, samples=1, ignore=0)
    mask[mask == 2] = 0
    kept, skipped, zero = (make("dice", 3, absent=absent)(logits, mask).item() for absent in ("keep", "skip", "zero"))
    assert kept == pytest.approx((skipped + 1) / 2, abs=1e-4)
    assert zero == pytest.approx(skipped / 2)


def test_declaring_does_not_import_torch():
    """The plugin's own module stays light."""
    code = "import sys, segkit_losses; segkit_losses.segkit_losses(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
