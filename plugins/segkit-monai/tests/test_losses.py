"""MONAI's losses in the bridge: its own values where nothing is ignored, and what segkit asks for besides."""

import pytest
import torch
from monai import losses

from segkit import IGNORE, Task, components
from segkit.params import build

LOSSES = {item.component.name: item for item in components("loss") if item.plugin.name == "segkit-monai"}
CLASSES = {"dice": "DiceLoss", "dicece": "DiceCELoss", "dicefocal": "DiceFocalLoss", "tversky": "TverskyLoss"}
CLASSES |= {"generalized-dice": "GeneralizedDiceLoss"}


def made(name, channels, **params):
    """A loss for K logits."""
    classes = tuple(f"class-{number}" for number in range(max(1, channels - 1)))
    kind = LOSSES[f"monai-{name}"].component.params
    return LOSSES[f"monai-{name}"].load()(Task(3, classes), build(kind, params, name))


def batch(channels, *size):
    """Random logits and labels."""
    generator = torch.Generator().manual_seed(channels)
    logits = torch.randn(3, channels, *size, generator=generator)
    return logits, torch.randint(0, max(2, channels), (3, *size), generator=generator)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("include_background", [True, False])
def test_values_are_monais(name, channels, include_background):
    """Without ignored pixels the mean over samples is MONAI's mean over the batch, 2D and 3D."""
    background = include_background or channels == 1
    several = channels > 1
    theirs = getattr(losses, CLASSES[name])(
        include_background=background, sigmoid=not several, softmax=several, to_onehot_y=several
    )
    for size in ((6, 7), (3, 4, 5)):
        logits, mask = batch(channels, *size)
        expected = theirs(logits, mask[:, None] if several else mask[:, None].float())
        found = made(name, channels, include_background=include_background)(logits, mask)
        torch.testing.assert_close(found.mean(), expected)


def test_focal_is_monais():
    """On the softmax, with its power."""
    logits, mask = batch(3, 5, 6)
    expected = losses.FocalLoss(gamma=1.5, use_softmax=True, to_onehot_y=True)(logits, mask[:, None])
    torch.testing.assert_close(made("focal", 3, gamma=1.5)(logits, mask).mean(), expected)


@pytest.mark.parametrize("name", [*CLASSES, "focal"])
def test_ignored_pixels_are_as_if_they_were_not_there(name):
    """An image whose right half is ignored has the value of its left half."""
    logits, mask = batch(3, 6, 8)
    half = mask.clone()
    half[..., 4:] = IGNORE
    loss = made(name, 3)
    torch.testing.assert_close(loss(logits, half), loss(logits[..., :4], mask[..., :4]))


def overlapping(name, size, *, ignored=0.0):
    """A loss of three overlapping classes, logits and planes."""
    generator = torch.Generator().manual_seed(len(size))
    logits = torch.randn(2, 3, *size, generator=generator, requires_grad=True)
    mask = torch.randint(0, 2, (2, 3, *size), generator=generator)
    mask[torch.rand(mask.shape, generator=generator) < ignored] = IGNORE
    task = Task(3, ("whole", "core", "stripe"), len(size), overlapping=True)
    component = LOSSES[f"monai-{name}"].component
    assert component.overlapping
    return LOSSES[f"monai-{name}"].load()(task, component.params()), logits, mask


@pytest.mark.parametrize("size", [(6, 7), (3, 4, 5)])
@pytest.mark.parametrize("name", [*CLASSES, "focal"])
def test_overlapping_classes_are_monais_with_a_sigmoid(name, size):
    """On several channels at once, mean over batch and classes; of cross entropy channel by channel."""
    loss, logits, mask = overlapping(name, size)
    kind = getattr(losses, CLASSES.get(name, "FocalLoss"))
    theirs = kind() if name == "focal" else kind(sigmoid=True)
    if name == "dicece":
        expected = torch.stack([theirs(logits[:, [place]], mask[:, [place]].float()) for place in range(3)]).mean()
    else:
        expected = theirs(logits, mask.float())
    torch.testing.assert_close(loss(logits, mask).mean(), expected)


@pytest.mark.parametrize("name", [*CLASSES, "focal"])
def test_ignored_pixels_of_a_class_are_as_if_they_were_not_there(name):
    """What a plane ignores has no gradient, and a class that is ignored throughout changes nothing."""
    loss, logits, mask = overlapping(name, (6, 7), ignored=0.2)
    (gradient,) = torch.autograd.grad(loss(logits, mask).sum(), logits)
    assert torch.isfinite(gradient).all()
    assert not gradient[mask == IGNORE].any()
    assert gradient[mask != IGNORE].any()
    mask[:, 1] = IGNORE
    task = Task(3, ("whole", "stripe"), 2, overlapping=True)
    two = LOSSES[f"monai-{name}"].load()(task, LOSSES[f"monai-{name}"].component.params())
    torch.testing.assert_close(loss(logits, mask), two(logits[:, [0, 2]], mask[:, [0, 2]]))
    assert not loss(logits, torch.full_like(mask, IGNORE)).any()
