"""What each loss is held against: its closed form, what it ignores, extremes, half precision, weights."""

import numpy as np
import pytest
import torch

from segkit import Task
from segkit.declarations import resolve
from segkit_losses import segkit_losses

DECLARED = {loss.name: loss for loss in segkit_losses()}
VARIANTS = [
    ("bce", {}),
    ("ce", {}),
    ("ce", {"label_smoothing": 0.2}),
    ("focal", {}),
    ("focal", {"gamma": 0.5, "form": "sigmoid"}),
    ("dice", {}),
    ("dice", {"absent": "skip"}),
    ("dice", {"absent": "zero", "include_background": True}),
    ("dice", {"squared": True, "smooth": 1.0}),
    ("dice", {"smooth": 0.0}),
    ("generalized-dice", {}),
    ("generalized-dice", {"weighting": "simple", "absent": "skip", "include_background": False, "smooth": 0.1}),
    ("generalized-dice", {"weighting": "uniform"}),
    ("tversky", {}),
    ("tversky", {"absent": "skip", "smooth": 0.0, "include_background": True}),
    ("focal-tversky", {}),
    ("focal-tversky", {"smooth": 0.0, "absent": "zero"}),
    ("lovasz", {}),
    ("lovasz", {"absent": "skip", "include_background": False}),
]
WEIGHTS = {"ce": "class_weights", "focal": "alpha", "dice": "class_weights"}
WEIGHTS |= {"tversky": "class_weights", "focal-tversky": "class_weights", "lovasz": "class_weights"}
PER_SAMPLE = [name for name, loss in DECLARED.items() if loss.scope == "sample" and not loss.asks]
every_loss = pytest.mark.parametrize(
    ("name", "params"), VARIANTS, ids=[f"{name}-{params}" for name, params in VARIANTS]
)
both_widths = pytest.mark.parametrize("channels", [1, 3])


def make(name, channels=1, **params):
    """One of the losses, built from its declaration."""
    task = Task(3, ("a",) if channels == 1 else ("a", "b"))
    return resolve(DECLARED[name].factory, name)(task, DECLARED[name].params(**params))


def random_batch(channels, shape=(4, 5), samples=3, seed=0, ignore=0.2):
    """Float64 logits and a mask with ignored pixels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (samples, channels, *shape))
    mask = rng.integers(0, max(2, channels), (samples, *shape))
    mask[rng.random(mask.shape) < ignore] = 255
    return torch.from_numpy(logits), torch.from_numpy(mask)


def set_jaccard_loss(errors, inside):
    """The Lovász extension by its definition: the Jaccard loss of growing sets of wrong pixels, in Python sets."""
    of_class, wrong, total, before = set(np.flatnonzero(inside)), set(), 0.0, 0.0
    for pixel in np.argsort(-errors, kind="stable"):
        wrong.add(pixel)
        loss = len(wrong) / len(of_class | wrong)
        total += max(0.0, errors[pixel]) * (loss - before)
        before = loss
    return total


def expected(name, logits, mask, params):
    """The loss of one sample by its formula, in numpy, from its valid pixels alone."""
    loss = DECLARED[name].params(**params)
    valid = mask.reshape(-1) != 255
    z, t = logits.reshape(len(logits), -1)[:, valid], mask.reshape(-1)[valid]
    both = np.concatenate([np.zeros_like(z), z]) if len(z) == 1 else z
    p = np.exp(both) / np.exp(both).sum(axis=0)
    labels = np.arange(len(p))
    p_t = p[t, np.arange(len(t))]
    weights = np.array(getattr(loss, "class_weights", ()) or getattr(loss, "alpha", ()) or np.ones(len(p)))
    one_against_rest = 1 / (1 + np.exp(-z))
    correct = np.where(t == (labels if len(z) > 1 else labels[1:])[:, None], one_against_rest, 1 - one_against_rest)
    if name == "bce":
        return -np.mean(np.log(correct))
    if name == "ce":
        even = -np.sum(weights[:, None] * np.log(p), axis=0) / len(p)
        hard, soft = 1 - loss.label_smoothing, loss.label_smoothing
        return np.sum(-hard * weights[t] * np.log(p_t) + soft * even) / weights[t].sum()
    if name == "focal":
        q = correct if loss.form == "sigmoid" else p_t[None]
        return np.mean(-weights[t] * np.mean((1 - q) ** loss.gamma * np.log(q), axis=0))
    hinge = name == "lovasz" and len(z) == 1
    counted = [k for k in labels if k > 0 or (loss.include_background and not hinge)]
    if name == "generalized-dice":
        return generalized_dice_of(p, t, loss, counted)
    terms, factors = [], []
    for k in counted:
        inside = t == k
        true, spurious, missed = p[k][inside].sum(), p[k][~inside].sum(), (1 - p[k])[inside].sum()
        if name == "lovasz":
            term = set_jaccard_loss(1 - np.where(inside, z[0], -z[0]) if hinge else np.abs(inside - p[k]), inside)
        elif name == "dice":
            size = (p[k] ** 2).sum() + inside.sum() if loss.squared else 2 * true + spurious + missed
            term = 1 - (2 * true + loss.smooth) / (size + loss.smooth)
        else:
            wrong = loss.false_positive_weight * spurious + loss.false_negative_weight * missed
            term = (1 - (true + loss.smooth) / (true + wrong + loss.smooth)) ** getattr(loss, "exponent", 1)
        if inside.any() or loss.absent != "skip":
            terms.append(0.0 if loss.absent == "zero" and not inside.any() else term)
            factors.append(weights[k])
    return np.average(terms, weights=factors) if terms else 0.0


def generalized_dice_of(p, t, loss, counted):
    """One coefficient of all classes, each weighted by its size."""
    exponent = {"square": 2, "simple": 1, "uniform": 0}[loss.weighting]
    sizes = {k: np.sum(t == k) for k in counted}
    weight = {k: 1.0 / size**exponent for k, size in sizes.items() if size}
    if loss.absent == "keep":
        weight |= {k: max(weight.values(), default=1.0) for k, size in sizes.items() if not size}
    if not weight:
        return 0.0
    shared = sum(w * p[k][t == k].sum() for k, w in weight.items())
    size = sum(w * (p[k].sum() + sizes[k]) for k, w in weight.items())
    return 1 - (2 * shared + loss.smooth) / (size + loss.smooth)


def check_closed_form(name, params, channels, shape=(4, 5)):
    """Values are per sample, over its own valid pixels; one sample lacks a class."""
    logits, mask = random_batch(channels, shape)
    mask[1][mask[1] == 1] = 0
    found = make(name, channels, **params)(logits, mask)
    wanted = [expected(name, z, t, params) for z, t in zip(logits.numpy(), mask.numpy(), strict=True)]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9)


def check_ignored(name, params, channels):
    """Logits of ignored pixels change neither value nor gradient, and get no gradient."""
    logits, mask = random_batch(channels)
    other = torch.where((mask == 255).unsqueeze(1), logits + 7, logits)
    values, gradients = [], []
    for z in (logits.clone().requires_grad_(), other.requires_grad_()):
        values.append(make(name, channels, **params)(z, mask))
        gradients.append(torch.autograd.grad(values[-1].sum(), z)[0])
    torch.testing.assert_close(values[0], values[1])
    torch.testing.assert_close(gradients[0], gradients[1])
    assert not gradients[0].masked_select((mask == 255).unsqueeze(1)).any()


def check_extremes(name, params, channels, size, content):
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


def check_half_precision(name, params, dtype, channels=3):
    """512x512 half-precision logits give the float32 value of the same numbers, with finite gradients."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, channels, 512, 512, generator=generator).to(dtype)
    mask = torch.randint(0, max(2, channels), (1, 512, 512), generator=generator)
    half = logits.clone().requires_grad_()
    value = make(name, channels, **params)(half, mask)
    value.sum().backward()
    assert value.dtype == torch.float32
    assert value.isfinite().all()
    assert torch.equal(value, make(name, channels, **params)(logits.float(), mask))
    assert half.grad.isfinite().all()


def check_weights(name):
    """Weights by label have their closed form, with one logit and with several."""
    for channels, weights in ((1, (0.5, 2.0)), (3, (0.5, 2.0, 3.0))):
        params = {WEIGHTS[name]: weights}
        check_closed_form(name, params, channels)
        if hasattr(DECLARED[name].params(), "include_background"):
            check_closed_form(name, {**params, "include_background": True, "absent": "skip"}, channels)
