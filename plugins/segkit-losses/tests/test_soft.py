"""Losses on soft targets, such as the mean of several readers: closed forms, torch, MONAI, plain formulas."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

import segkit_losses
from segkit import IGNORE, Task
from segkit.declarations.component import resolve
from segkit.engine.marginal import annotated_task, marginal_logits, marginal_shares
from segkit.params import build

SOFT = [loss for loss in segkit_losses.segkit_losses() if loss.soft]
ONE = Task(3, ("a",))
TWO = Task(3, ("a", "b"))
BOTH = Task(3, ("a", "b", "c"), overlapping=True)


def loss_of(name: str, task: Task, **params: object):
    """A loss by its name."""
    declared = next(loss for loss in SOFT if loss.name == name)
    return resolve(declared.factory, name)(task, build(declared.params, params, name))


def drawn(task: Task, readers: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits (2, K, 5, 6), and the masks of some readers, none of whom ignores anything."""
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, task.out_channels, 5, 6, generator=draw, dtype=torch.float64)
    shape = (readers, 2, 3, 5, 6) if task.overlapping else (readers, 2, 5, 6)
    return logits, torch.randint(0, 2 if task.overlapping else len(task.classes) + 1, shape, generator=draw)


def shares_of(masks: torch.Tensor, task: Task) -> torch.Tensor:
    """The mean of masks (readers, N, ...) by a plain formula, (N, K, *S)."""
    if task.overlapping:
        return masks.double().mean(0)
    labels = [1] if task.out_channels == 1 else range(task.out_channels)
    return torch.stack([(masks == label).double().mean(0) for label in labels], 1)


def gradient(loss, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Of the sum over samples."""
    leaf = logits.clone().requires_grad_()
    return torch.autograd.grad(loss(leaf, target).sum(), leaf)[0]


VARIANTS = {
    "ce": (
        {},
        {"class_weights": "1,2,3"},
        {"label_smoothing": 0.2},
        {"class_weights": "1,2,3", "label_smoothing": 0.2},
    ),
    "bce": ({}, {"pos_weight": "1,2,3"}),
    "dice": ({}, {"squared": True}, {"include_background": True}, {"absent": "skip"}, {"class_weights": "1,2,3"}),
}


@pytest.mark.parametrize("task", [ONE, TWO, BOTH], ids=["one", "two", "overlapping"])
@pytest.mark.parametrize("name", [loss.name for loss in SOFT])
def test_shares_of_0_and_1_are_the_mask(name, task):
    """Value and gradient, some pixels ignored, whatever the params; a sample that is ignored throughout is 0."""
    logits, masks = drawn(task)
    mask = masks[0].clone()
    mask[..., :2, :3] = IGNORE
    mask[1, ..., 2:] = IGNORE
    target = shares_of(mask[None], task)
    ignored = mask == IGNORE
    target = target.masked_fill(ignored if task.overlapping else ignored.unsqueeze(1), IGNORE)
    for params in VARIANTS.get(name, ({},)):
        weighted = next((key for key in params if "weight" in key), None)
        numbers = params[weighted].split(",") if weighted else []
        count = task.out_channels if weighted == "pos_weight" or task.overlapping else len(task.classes) + 1
        fitting = {weighted: ",".join(numbers[:count])} if weighted else {}
        loss = loss_of(name, task, **{**params, **fitting})
        torch.testing.assert_close(loss(logits, target), loss(logits, mask))
        torch.testing.assert_close(gradient(loss, logits, target), gradient(loss, logits, mask))
    whole = torch.full_like(target, IGNORE)
    assert not loss_of(name, task)(logits, whole).any()


@pytest.mark.parametrize("task", [ONE, TWO, BOTH], ids=["one", "two", "overlapping"])
@pytest.mark.parametrize("name", ["ce", "bce"])
def test_cross_entropy_is_the_mean_over_readers_and_least_at_their_mean(name, task):
    """Against the losses of each reader's mask; its gradient is zero where the probabilities are the shares."""
    logits, masks = drawn(task)
    shares = shares_of(masks, task)
    loss = loss_of(name, task)
    torch.testing.assert_close(loss(logits, shares), torch.stack([loss(logits, mask) for mask in masks]).mean(0))
    inside = shares.clamp(1e-3, 1 - 1e-3)
    if task is TWO and name == "ce":
        inside = inside / inside.sum(1, keepdim=True)
        best = inside.log()
    else:
        best = inside.logit()
    assert gradient(loss, best, inside).abs().max() < 1e-12
    assert gradient(loss, logits, inside).abs().max() > 1e-3


def test_cross_entropy_is_torchs():
    """Of shares of background and classes, with weights, over all pixels of a sample."""
    logits, masks = drawn(TWO)
    shares = shares_of(masks, TWO)
    torch.testing.assert_close(
        loss_of("ce", TWO)(logits, shares), functional.cross_entropy(logits, shares, reduction="none").mean((1, 2))
    )


@pytest.mark.parametrize("task", [ONE, TWO, BOTH], ids=["one", "two", "overlapping"])
def test_dice_is_monais(task):
    """Of the softmax without background, or the sigmoid, against targets of shares."""
    losses = pytest.importorskip("monai.losses", reason="MONAI is the oracle")
    logits, masks = drawn(task)
    shares = shares_of(masks, task)
    several = task.out_channels > 1 and not task.overlapping
    peer = losses.DiceLoss(
        sigmoid=not several, softmax=several, include_background=not several, reduction="none", smooth_nr=0, smooth_dr=0
    )
    found = loss_of("dice", task, smooth=0)(logits, shares)
    torch.testing.assert_close(found, peer(logits, shares).flatten(1).mean(1))


@pytest.mark.parametrize("known", [(True, False, True), (False, True, False)])
def test_shares_of_some_classes_alone(known):
    """Readers who looked for some classes: the mean of their marginal losses."""
    task = Task(3, ("a", "b", "c"))
    logits, masks = drawn(task)
    for label, seen in enumerate(known, start=1):
        masks[(masks == label) & (not seen)] = 0
    shares = shares_of(masks, task)
    shares[:, :, :2] = IGNORE
    alone = annotated_task(task, known)
    loss = loss_of("ce", alone)
    found = loss(marginal_logits(logits, known), marginal_shares(shares, known))
    each = []
    for mask in masks:
        one = mask.clone()
        one[:, :2] = IGNORE
        labels = torch.zeros_like(one)
        for place, label in enumerate((label for label, seen in enumerate(known, start=1) if seen), start=1):
            labels[one == label] = place
        labels[one == IGNORE] = IGNORE
        each.append(loss(marginal_logits(logits, known), labels))
    torch.testing.assert_close(found, torch.stack(each).mean(0))
