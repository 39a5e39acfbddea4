"""Losses and metrics that say that they can deal with overlapping classes: each is on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segkit.contracts import IGNORE
from segkit.declarations import Task
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.metrics import boxes, equal, measured_options
from segkit.testing.subjects import LossSubject, MetricSubject
from segkit.testing.tensors import times

if TYPE_CHECKING:
    import torch

CLASSES = ("whole", "core", "other")
NOT_DECLARED = "it is for classes that exclude each other"


def batch(size: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits (2, 3, *S) and masks of classes that overlap, some pixels ignored in one class alone."""
    import torch

    generator = torch.Generator().manual_seed(len(size))
    logits = torch.randn(2, len(CLASSES), *size, generator=generator)
    mask = torch.randint(0, 2, logits.shape, generator=generator)
    mask[torch.rand(mask.shape, generator=generator) < 0.2] = IGNORE
    return logits, mask


@check("loss", "overlapping", needs=["shape"])
def overlapping_loss(subject: LossSubject) -> None:
    """With overlapping=True it takes a mask (N, K, *S), and what is ignored in a class's plane has no part in it."""
    import torch

    if not subject.component.overlapping:
        raise NotChecked(NOT_DECLARED)
    for size in ((6, 8), (3, 6, 8)):
        loss = subject.factory(Task(3, CLASSES, len(size), overlapping=True), subject.params)
        logits, mask = batch(size)
        mask[:, 1] = IGNORE
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, mask)
        expected = () if subject.component.scope == "batch" else (len(logits),)
        if tuple(value.shape) != expected:
            fail(f"it returned {times(value.shape) or 'a scalar'}", "return one value per sample", f"shape {expected}")
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        if not bool(gradient.isfinite().all() and value.isfinite().all()):
            fail("value or gradient is not finite", "guard sums over a class that has no valid pixel")
        if bool(gradient[mask == IGNORE].any()):
            fail(
                "pixels that are 255 in a class's plane have a gradient in that class",
                "leave out pixels where mask == segkit.IGNORE, class by class",
            )
        if not bool(gradient[:, 0].any()):
            fail("the first class has no gradient", "take each of the K logits with its own plane of the mask")


@check("metric", "overlapping", needs=["resolves"])
def overlapping_metric(subject: MetricSubject) -> None:
    """With overlapping=True the value of each class is that of the class alone."""
    import numpy as np

    from segkit.engine.class_measure import measure_classes

    if not subject.component.overlapping:
        raise NotChecked(NOT_DECLARED)
    if subject.component.needs == "probabilities":
        raise NotChecked("its probabilities are fed by scoring")
    measure, options = subject.found.load("measure"), measured_options(subject)
    for shape, spacing in (((14, 19), None), ((5, 14, 19), (3.0, 1.0, 0.5))):
        prediction, mask = (
            np.stack([boxes(shape, shift) > 0, boxes(shape, shift) == 2, boxes(shape, 2 * shift) == 1]).astype(np.uint8)
            for shift in (1, 0)
        )
        mask[..., :2, :4] = IGNORE
        task = Task(1, CLASSES, len(shape), overlapping=True)
        together = measure_classes(measure, prediction, mask, spacing, task, options)
        found = np.asarray(subject.factory(task, subject.params)(together), dtype=np.float64)
        if found.shape != (len(CLASSES),):
            fail(f"it returned shape {found.shape} for {len(CLASSES)} classes", "return one value per class")
        for place, name in enumerate(CLASSES):
            one = Task(1, (name,), len(shape))
            alone = subject.factory(one, subject.params)(measure(prediction[place], mask[place], spacing, one, options))
            if not equal(np.asarray(alone, dtype=np.float64), found[place : place + 1]):
                fail(
                    f"class {name} scores {found[place]:.6g} among others and {float(np.asarray(alone)[0]):.6g} alone",
                    "derive each class's value from its own counts and distances alone",
                )
