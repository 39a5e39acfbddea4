"""Losses of overlapping classes: each class on its own, against torch, MONAI and the loss of one class."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from segkit import IGNORE, Loss, Task, UsageError
from segkit.declarations import resolve
from segkit_losses import segkit_losses

CLASSES = ("whole", "core", "stripe")
ALL = {loss.name: loss for loss in segkit_losses() if loss.overlapping and not loss.asks}
SHAPES = [(9, 11), (4, 6, 5)]


def task_of(shape: tuple[int, ...], *, overlapping: bool = True) -> Task:
    """A task of overlapping classes, or of one alone."""
    return Task(1, CLASSES if overlapping else CLASSES[:1], len(shape), overlapping=overlapping)


def built(loss: Loss, task: Task, **params: object):  # type: ignore[no-untyped-def]
    """Build a loss."""
    return resolve(loss.factory, "")(task, loss.params(**params))


def drawn(shape: tuple[int, ...], *, ignored: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits in float64, and masks of classes that overlap at random."""
    generator = torch.Generator().manual_seed(len(shape))
    logits = torch.randn(2, 3, *shape, generator=generator, dtype=torch.float64)
    mask = torch.randint(0, 2, (2, 3, *shape), generator=generator)
    mask[torch.rand(mask.shape, generator=generator) < ignored] = IGNORE
    return logits.requires_grad_(), mask


@pytest.mark.parametrize("shape", SHAPES)
def test_bce_is_torchs(shape: tuple[int, ...]) -> None:
    """Value and gradient of the mean over all classes and pixels, with and without weights."""
    logits, mask = drawn(shape)
    for weights in ((), (1.0, 2.0, 0.5)):
        factor = torch.tensor(weights or (1.0, 1.0, 1.0), dtype=torch.float64).reshape(-1, *[1] * len(shape))
        expected = functional.binary_cross_entropy_with_logits(logits, mask.double(), pos_weight=factor)
        found = built(ALL["bce"], task_of(shape), pos_weight=weights)(logits, mask).mean()
        assert torch.allclose(found, expected, rtol=1e-12)
        (one,), (other,) = torch.autograd.grad(found, logits), torch.autograd.grad(expected, logits)
        assert torch.allclose(one, other, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_dice_is_monais(shape: tuple[int, ...]) -> None:
    """Value and gradient of MONAI's with a sigmoid, on the same overlapping planes."""
    monai = pytest.importorskip("monai.losses", reason="MONAI is a development dependency")
    logits, mask = drawn(shape)
    expected = monai.DiceLoss(sigmoid=True, smooth_nr=1e-5, smooth_dr=1e-5)(logits, mask.double())
    found = built(ALL["dice"], task_of(shape))(logits, mask).mean()
    assert torch.allclose(found, expected, rtol=1e-10)
    (one,), (other,) = torch.autograd.grad(found, logits), torch.autograd.grad(expected, logits)
    assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", sorted(set(ALL) - {"generalized-dice"}))
def test_the_mean_over_classes_of_each_alone(name: str, shape: tuple[int, ...]) -> None:
    """With ignored pixels of its own in each class."""
    logits, mask = drawn(shape, ignored=0.2)
    found = built(ALL[name], task_of(shape))(logits, mask)
    one = built(ALL[name], task_of(shape, overlapping=False))
    each = torch.stack([one(logits[:, place : place + 1], mask[:, place]) for place in range(3)])
    assert torch.allclose(found, each.mean(dim=0), rtol=1e-10)


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_class_that_nobody_looked_for_has_no_part(name: str) -> None:
    """Ignored throughout it changes no value and has no gradient; where all are, the loss is 0."""
    logits, mask = drawn((9, 11))
    mask[:, 1] = IGNORE
    loss = built(ALL[name], task_of((9, 11)))
    found = loss(logits, mask)
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert not gradient[:, 1].any()
    assert gradient[:, 0].any()
    two = built(ALL[name], Task(1, ("whole", "stripe"), 2, overlapping=True))
    assert torch.allclose(found, two(logits[:, [0, 2]], mask[:, [0, 2]]), rtol=1e-10)
    assert not loss(logits, torch.full_like(mask, IGNORE)).any()


def test_weights_are_one_per_class() -> None:
    """There is no background among overlapping classes to give a weight to."""
    task, (logits, mask) = task_of((9, 11)), drawn((9, 11))
    weighted = built(ALL["ce"], task, class_weights=(0.0, 1.0, 0.0))(logits, mask)
    one = built(ALL["ce"], task_of((9, 11), overlapping=False))
    assert torch.allclose(weighted, one(logits[:, 1:2], mask[:, 1]))
    for name, param in (("ce", "class_weights"), ("focal", "alpha"), ("dice", "class_weights"), ("bce", "pos_weight")):
        with pytest.raises(UsageError, match=r"overlapping classes|pos_weight has 4"):
            built(ALL[name], task, **{param: (1.0, 1.0, 1.0, 1.0)})


@pytest.mark.parametrize("shape", SHAPES)
def test_the_boundary_loss_is_that_of_each_class(shape: tuple[int, ...]) -> None:
    """Its maps and its value, with ignored pixels of each class; a class ignored throughout is in no mean."""
    (boundary,) = [loss for loss in segkit_losses() if loss.name == "boundary"]
    make, (logits, mask) = resolve(boundary.case_map, ""), drawn(shape, ignored=0.2)
    mask[1, 2] = IGNORE
    params = boundary.params()

    def value(task: Task, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        maps = torch.stack([torch.from_numpy(make(one.numpy(), None, task, params)) for one in mask])
        return built(boundary, task)(logits, mask, map=maps, epoch=5, epochs=5)

    one = task_of(shape, overlapping=False)
    each = torch.stack([value(one, logits[:, place : place + 1], mask[:, place]) for place in range(3)])
    found = value(task_of(shape), logits, mask)
    assert torch.allclose(found[0], each[:, 0].mean(), rtol=1e-10)
    assert torch.allclose(found[1], each[:2, 1].mean(), rtol=1e-10)
