"""Every kind of component built and used once, as a run would: what the checks of all kinds look at."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from segkit.testing.exercise_parts import PARTS
from segkit.testing.subjects import (
    ArchitectureSubject,
    ComponentSubject,
    DatasetSubject,
    ExplainerSubject,
    LossSubject,
    MetricSubject,
)

if TYPE_CHECKING:
    from segkit.declarations import Task

USED = (
    "arch",
    "data",
    "loss",
    "metric",
    "explainer",
    "optimizer",
    "schedule",
    "augmentation",
    "normalization",
    "sampler",
    "postprocess",
    "exporter",
    "section",
    "searcher",
)
"""Kinds of components that can be used here; what a launcher starts is no part of this process."""
BUILT_BY_USE = ("optimizer", "augmentation", "sampler", "postprocess")
"""Parts that are built for a task or for weights: the use that is made of them brings these along."""
SPLITS_READ = 1
"""Cases of each split that are read."""


def build(subject: ComponentSubject, params: Any, seed: int = 0) -> Any:
    """Call a component's factory with params of its own, as a run would; a dataset is opened on its sample."""
    if isinstance(subject, ArchitectureSubject):
        import torch

        torch.manual_seed(seed)
        return subject.factory(subject.task(), params)
    if isinstance(subject, LossSubject):
        return {width: subject.made(width, 2, params) for width in (1, 3)}
    if isinstance(subject, MetricSubject):
        return subject.factory(metric_task(2), params)
    if isinstance(subject, DatasetSubject):
        return subject.factory(subject.root, params)
    if subject.kind in BUILT_BY_USE:
        return None
    return subject.factory(params)


def use(subject: ComponentSubject, built: Any, params: Any) -> list[Any]:
    """Use what was built; returns what came out of it, for comparison."""
    if isinstance(subject, ArchitectureSubject):
        return use_network(subject, built)
    if isinstance(subject, LossSubject):
        return use_loss(built)
    if isinstance(subject, MetricSubject):
        return use_metric(subject, params)
    if isinstance(subject, DatasetSubject):
        return use_dataset(built)
    if subject.kind in PARTS:
        return PARTS[subject.kind](subject, params)
    assert isinstance(subject, ExplainerSubject)
    return use_explainer(subject, built)


def use_network(subject: ArchitectureSubject, model: Any) -> list[Any]:
    """Logits in eval mode, then a step's gradients in train mode."""
    import torch

    from segkit.testing.training import all_logits

    found = [subject.logits(model.eval(), subject.images())]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        logits = all_logits(model.train()(subject.images()))
    torch.stack([one.float().square().mean() for one in logits]).sum().backward()
    model.eval()
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    return [*found, *(one.detach() for one in logits), *gradients]


def use_loss(losses: Any) -> list[Any]:
    """Values and gradients for one class and for two."""
    import torch

    from segkit.testing.losses import batch, confident

    found = []
    for width, function in losses.items():
        logits, mask = batch(width)
        empty = torch.zeros_like(mask)
        for given, labels in ((logits, mask), (logits, empty), (confident(mask, width, 3.0), mask)):
            leaf = given.detach().clone().requires_grad_()
            value = function(leaf, labels.clone())
            value.sum().backward()
            found += [value.detach(), leaf.grad]
    return found


def metric_task(dims: int) -> Task:
    """The task of the cases that metrics are shown."""
    from segkit.declarations import Task
    from segkit.testing.metrics import CLASSES

    return Task(1, CLASSES, dims)


def use_metric(subject: MetricSubject, params: Any) -> list[Any]:
    """Scores of ordinary cases and of such without structures."""
    from segkit.testing.metrics import empty_cases, ordinary_cases, score

    twin = copy.copy(subject)
    twin.__dict__["params"] = params
    return [score(twin, *case[1:]) for case in [*ordinary_cases(), *empty_cases()]]


def use_dataset(reader: Any) -> list[Any]:
    """The first case of every split, and what is said of the whole."""
    from segkit.data.dataset import SPLITS

    cases = [case for split in SPLITS for case in list(reader.cases(split))[:SPLITS_READ]]
    samples = [reader.read(case) for case in cases]
    said = [getattr(reader, name, None) for name in ("recipe", "task", "describe", "remarks")]
    found = [one() if callable(one) else one for one in said]
    list(reader.verify())
    return [*samples, *found]


def use_explainer(subject: ExplainerSubject, function: Any) -> list[Any]:
    """Maps of an ordinary target."""
    from segkit.testing.explainers import explain, images, make_network

    found = explain(subject, make_network(), images(), built=function)
    return [one.maps for one in found]
