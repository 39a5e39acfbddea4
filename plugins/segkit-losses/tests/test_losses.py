"""The losses against closed forms, finite differences and the loss contract; the checks catch wrong ones."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit import Task, UsageError
from segkit.declarations import resolve
from segkit_losses import batch, bce, ce, common, dice, focal, generalized_dice, lovasz, overlap, segkit_losses, tversky

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


RIGHT_EXTENSION = lovasz.lovasz_extension


def everything(name):
    """All checks of one loss."""
    variants = [params for other, params in VARIANTS if other == name]
    for params in variants:
        for channels in (1, 3):
            check_closed_form(name, params, channels)
            check_ignored(name, params, channels)
            check_extremes(name, params, channels, 30.0, "mixed")
        check_half_precision(name, params, torch.float16)
    if name in WEIGHTS:
        check_weights(name)


def swapped_counts(*args, **kwargs):
    """Soft counts that take the mask for the prediction."""
    counts = overlap.soft_counts(*args, **kwargs)
    return overlap.SoftCounts(counts.overlap, counts.reference, counts.predicted, counts.valid)


def without(attribute):
    """The mean over classes with one of its settings forgotten."""

    def build(*args):
        mean = overlap.ClassMean(*args)
        setattr(mean, attribute, {"weights": torch.ones(3), "absent": "skip"}[attribute])
        return mean

    return build


def mean_over_all_pixels(values, valid):
    """Divides by ignored pixels too."""
    return values.masked_fill(~valid, 0).flatten(1).mean(dim=1)


def no_pixel_ignored(mask):
    """Takes every pixel for valid."""
    return torch.ones_like(mask, dtype=torch.bool)


def same_precision(function):
    """Leaves half precision as it is."""
    return function


def ascending(errors, target, valid):
    """Ranks the smallest error first."""
    return -RIGHT_EXTENSION(-errors, target, valid)


def outside(errors, target, valid):
    """Takes the rest for the class."""
    return RIGHT_EXTENSION(errors, ~target, valid)


def averaged_over_batch(values, valid):
    """One value for all samples."""
    return common.mean_over_pixels(values, valid).mean().expand(len(values))


def unsquared(counts, params):
    """Weights without the square."""
    return 1 / counts.reference.clamp(min=1) * counts.valid


def easy_pixels_first(logits, mask, gamma):
    """Puts p where 1 - p belongs."""
    target = common.targets_of_logits(mask, logits)
    margin = torch.where(target, logits, -logits)
    return (torch.sigmoid(margin) ** gamma * -torch.nn.functional.logsigmoid(margin)).mean(dim=1)


WRONG = [
    ("bce", bce, "mean_over_pixels", mean_over_all_pixels),
    ("bce", bce, "mean_over_pixels", averaged_over_batch),
    ("bce", bce, "valid_pixels", no_pixel_ignored),
    ("bce", bce, "targets_of_logits", lambda mask, logits: ~common.targets_of_logits(mask, logits)),
    ("bce", bce, "at_least_float32", same_precision),
    ("ce", ce, "weight_of_pixels", lambda mask, weights: torch.ones_like(mask)),
    ("ce", ce, "weights_of_labels", lambda task, *_: torch.ones(len(task.classes) + 1)),
    ("ce", ce, "with_background", lambda z: torch.cat((z, torch.zeros_like(z)), 1) if z.shape[1] == 1 else z),
    ("ce", ce, "at_least_float32", same_precision),
    ("focal", focal, "mean_over_pixels", mean_over_all_pixels),
    ("focal", focal, "valid_pixels", no_pixel_ignored),
    ("focal", focal, "values_of_sigmoid", easy_pixels_first),
    ("focal", focal, "values_of_softmax", easy_pixels_first),
    ("focal", focal, "weights_of_labels", lambda task, *_: torch.ones(len(task.classes) + 1)),
    ("focal", focal, "at_least_float32", same_precision),
    ("dice", overlap, "valid_pixels", no_pixel_ignored),
    ("dice", dice, "soft_counts", swapped_counts),
    ("dice", dice, "ClassMean", without("absent")),
    ("dice", dice, "ClassMean", without("weights")),
    ("dice", dice, "at_least_float32", same_precision),
    ("generalized-dice", overlap, "valid_pixels", no_pixel_ignored),
    ("generalized-dice", generalized_dice, "weights_of_classes", unsquared),
    ("generalized-dice", generalized_dice, "soft_counts", swapped_counts),
    ("generalized-dice", generalized_dice, "at_least_float32", same_precision),
    ("tversky", overlap, "valid_pixels", no_pixel_ignored),
    ("tversky", tversky, "soft_counts", swapped_counts),
    ("tversky", tversky, "ClassMean", without("absent")),
    ("tversky", tversky, "ClassMean", without("weights")),
    ("tversky", tversky, "at_least_float32", same_precision),
    ("focal-tversky", overlap, "valid_pixels", no_pixel_ignored),
    ("focal-tversky", tversky, "soft_counts", swapped_counts),
    ("focal-tversky", tversky, "power", lambda base, exponent: base**exponent),
    ("focal-tversky", tversky, "power", lambda base, exponent: base ** (1 / exponent)),
    ("focal-tversky", tversky, "ClassMean", without("absent")),
    ("focal-tversky", tversky, "at_least_float32", same_precision),
    ("lovasz", lovasz, "valid_pixels", no_pixel_ignored),
    ("lovasz", lovasz, "lovasz_extension", ascending),
    ("lovasz", lovasz, "lovasz_extension", outside),
    ("lovasz", lovasz, "ClassMean", without("absent")),
    ("lovasz", lovasz, "ClassMean", without("weights")),
    ("lovasz", lovasz, "at_least_float32", same_precision),
]


@pytest.mark.parametrize(("name", "module", "part", "wrong"), WRONG, ids=[f"{row[0]}-{row[2]}" for row in WRONG])
def test_a_wrong_implementation_is_caught(monkeypatch, name, module, part, wrong):
    """With one part done wrong at least one of the checks above fails."""
    monkeypatch.setattr(module, part, wrong)
    with pytest.raises(AssertionError):
        everything(name)


def test_every_batch_loss_is_built_from_its_per_sample_one():
    """A factory of the wrong loss would be seen: the names agree."""
    for name, loss in DECLARED.items():
        if loss.scope == "batch":
            assert hasattr(batch, loss.factory.partition(":")[2])
            assert loss.params is DECLARED[name.removeprefix("batch-")].params
