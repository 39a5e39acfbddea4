"""Tasks of overlapping classes, and of some classes alone, for what says that it can deal with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segkit.contracts import IGNORE
from segkit.declarations import Task
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.metrics import boxes, equal, measured_options
from segkit.testing.subjects import ArchitectureSubject, ExplainerSubject, LossSubject, MetricSubject
from segkit.testing.tensors import difference, times

if TYPE_CHECKING:
    import torch

CLASSES = ("whole", "core", "other")
OWN_LOGIT = "take the score from target(logits): label n is logit n - 1 where classes overlap"
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
        task = Task(3, CLASSES, len(size), overlapping=True)
        built = subject.factory(task, subject.params)
        loss = subject.with_asked(built, task, subject.params) if subject.component.asks else built
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


@check("arch", "overlapping", needs=["builds"])
def overlapping_network(subject: ArchitectureSubject) -> None:
    """For a task of overlapping classes it gives a logit for each class, and none for a background."""
    for names in (CLASSES, CLASSES[:1]):
        task = Task(3, names, subject.dims, overlapping=True)
        images = subject.images(1)
        found = subject.logits(subject.factory(task, subject.params).eval(), images)
        expected = (1, len(names), *subject.size)
        if tuple(found.shape) != expected:
            fail(
                f"for {len(names)} overlapping classes it gave {times(found.shape)}",
                "take the number of logits from task.out_channels, never from task.classes",
                f"logits of shape {times(expected)}",
            )


@check("loss", "partial", needs=["classes", "repeatable"])
def partial_loss(subject: LossSubject) -> None:
    """Built for some of the classes, as cases annotated for no others need it, it leaves the whole one alone."""
    import torch

    from segkit.engine.marginal import annotated_task, marginal_logits, marginal_mask

    if subject.component.asks:
        raise NotChecked("what it asks for is of all classes")
    task = Task(3, CLASSES, 2)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, len(CLASSES) + 1, 8, 10, generator=generator)
    mask = torch.randint(0, len(CLASSES) + 1, (2, 8, 10), generator=generator)
    whole = subject.factory(task, subject.params)
    before = whole(logits.clone(), mask.clone()).detach().clone()
    for annotated in ((True, False, True), (False, True, False)):
        part = subject.factory(annotated_task(task, annotated), subject.params)
        leaf = marginal_logits(logits, annotated).requires_grad_()
        value = part(leaf, marginal_mask(mask, annotated))
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        if not bool(value.isfinite().all() and gradient.isfinite().all()):
            fail("for some of the classes its value or gradient is not finite", "look at what is made of the classes")
    after = whole(logits.clone(), mask.clone()).detach()
    if not torch.equal(before, after):
        fail(
            "after it was built for some of the classes the whole loss gives another value",
            "keep what belongs to a task within the function, not in a global",
        )


@check("explainer", "overlapping", needs=["shape"])
def overlapping_explainer(subject: ExplainerSubject) -> None:
    """With overlapping=True it explains each of the classes of a network that has a logit for each."""
    import torch

    from segkit.errors import SegkitError
    from segkit.explain.case import bind, build_explainer, raw_maps
    from segkit.explain.targets import parse_target
    from segkit.testing.causes import told
    from segkit.testing.explainers import LAYER, images, make_network

    if not subject.component.overlapping:
        raise NotChecked(NOT_DECLARED)
    model, twin, x = make_network(classes=len(CLASSES) - 1), make_network(classes=len(CLASSES) - 1), images()
    with torch.no_grad():
        # Of the twin the first class's logit is another one, so its map is, and no other's.
        twin.get_parameter("head.weight")[0] = twin.get_parameter("head.weight")[0].roll(1, 0)
    task = Task(3, CLASSES, 2, overlapping=True)
    explainer = build_explainer(subject.found, subject.params)
    for name in CLASSES:
        target = parse_target(f"all:{name}", task)
        found = []
        for network in (model, twin):
            try:
                bound = bind([target], task, None)
                found += raw_maps(network, x, explainer, LAYER if explainer.layered else None, bound)
            except SegkitError as error:
                cause = error.__cause__
                fail(f"class {name}: {told(cause) if cause is not None else error.message}", OWN_LOGIT)
        if found[0].status != ("ok",) * len(x):
            fail(f"class {name} has the statuses {found[0].status}", "return target.status")
        changed = difference(found[0].maps, found[1].maps) > 0
        if subject.component.map == "attribution" and changed != (name == CLASSES[0]):
            fail(f"the map of class {name} follows the logit of another class", OWN_LOGIT)
