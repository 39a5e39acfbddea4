"""The checks of the losses catch wrong ones."""

import pytest
import torch
from loss_checks import (
    DECLARED,
    VARIANTS,
    WEIGHTS,
    check_closed_form,
    check_extremes,
    check_half_precision,
    check_ignored,
    check_weights,
)

from segkit_losses import batch, bce, ce, common, dice, focal, generalized_dice, lovasz, overlap, tversky

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
