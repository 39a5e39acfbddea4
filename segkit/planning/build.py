"""Build what a plan names: network, objective, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from segkit.data.annotated import rows_of
from segkit.data.case_maps import MapMaker
from segkit.data.drawings import Drawings
from segkit.data.normalize import Measure
from segkit.data.sampling import CaseSampler, EvenDeal, FurtherAugmentation, OneReading, Sampler
from segkit.declarations import Loss, Metric, Task
from segkit.discovery import Found
from segkit.engine.marginal import annotated_task
from segkit.engine.measure import ChosenMetric
from segkit.engine.objective import Objective, WeightedLoss
from segkit.engine.postprocess import PredictionStep
from segkit.engine.progress import Progress
from segkit.engine.schedule import CORE_PARTS, BuiltParts
from segkit.errors import SegkitError, UsageError
from segkit.params import plain
from segkit.planning.plan import Plan
from segkit.planning.readers import asks_readers, params_from_readers
from segkit.planning.soft import averages


@dataclass(frozen=True)
class BuiltComponents:
    """The components of a run, imported and built.

    Attributes:
        model: on the CPU, with its first weights.
        metrics: the main one first.
    """

    model: nn.Module
    objective: Objective
    metrics: tuple[ChosenMetric, ...]
    training: BuiltParts = CORE_PARTS
    measure: Measure | None = None
    sampler: Sampler | None = None
    augmentations: tuple[FurtherAugmentation, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of the model's parameters, frozen ones too."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def assemble(plan: Plan, progress: Progress | None = None) -> BuiltComponents:
    """Build every component; weights depend on the run's seed alone.

    Raises:
        SegkitError: a declared string does not resolve, or a factory builds something else than its kind.
    """
    objective, metrics = build_objective(plan), build_metrics(plan, progress)
    torch.manual_seed(plan.config.run.seed)
    return BuiltComponents(
        build_model(plan),
        objective,
        metrics,
        build_training(plan),
        next((build_measure(found, plan.config.params_of) for found in plan.parts_of("normalization")), None),
        build_sampler(plan),
        tuple(FurtherAugmentation(*built) for built in built_parts(plan, "augmentation")),
    )


def build_drawings(plan: Plan) -> Drawings | None:
    """Say which training cases are drawings of one image, where their mean is the target."""
    if not averages(plan.reader):
        return None
    return Drawings(tuple(case.reading_of or case.id for case in plan.cases["train"]), plan.task)


def build_sampler(plan: Plan) -> Sampler | None:
    """Build what chooses the cases of an epoch: a plugin's, what deals several datasets evenly, one reader's drawing.

    Raises:
        UsageError: two of them were asked for.
    """
    chosen: dict[str, Sampler] = {}
    for name, function in built_parts(plan, "sampler"):
        chosen[f"data.sampler={name}"] = CaseSampler(name, function)
    train, reader = plan.cases["train"], cast(Any, plan.reader)
    if getattr(reader, "deals_evenly", False):
        chosen["data.deal=evenly"] = EvenDeal(tuple(reader.dataset_of(case.id) for case in train))
    if any(case.reading_of is not None for case in train):
        which = "mean" if averages(reader) else "random"
        chosen[f"data.readers={which}"] = OneReading(tuple(case.reading_of or case.id for case in train))
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} both say which cases an epoch shows", "leave one of them out")
    return next(iter(chosen.values()), None)


def built_parts(plan: Plan, kind: str) -> Iterator[tuple[str, Any]]:
    """Yield full name and function of each part of a kind whose factory takes task and params."""
    for found in plan.parts_of(kind):
        yield found.full_name, found.load()(plan.task, plan.config.params_of(kind, found.component.name))


def build_steps(plan: Plan) -> tuple[PredictionStep, ...]:
    """Build the steps that change a prediction last."""
    return tuple(PredictionStep(*built) for built in built_parts(plan, "postprocess"))


def build_measure(found: Found, params_of: Callable[[str, str], Any]) -> Measure:
    """Build a plugin's normalisation."""
    params = params_of("normalization", found.component.name)
    return Measure(found.full_name, [found.plugin.version, plain(params)], found.load()(params))


def build_training(plan: Plan) -> BuiltParts:
    """Build the optimizer and the schedule where they are a plugin's."""
    optimizer, schedule = (next(iter(plan.parts_of(kind)), None) for kind in ("optimizer", "schedule"))
    params = plan.config.params_of
    return BuiltParts(
        None if optimizer is None else partial(optimizer.load(), params=params("optimizer", optimizer.component.name)),
        None if schedule is None else schedule.load()(params("schedule", schedule.component.name)),
    )


def build_model(plan: Plan) -> nn.Module:
    """Build the network; raises SegkitError where it is no module or takes larger images only."""
    params = plan.config.params_of("arch", plan.arch.component.name)
    model = plan.arch.network(plan.task, params, plan.size)
    if not isinstance(model, nn.Module):
        raise SegkitError(
            f"{plan.arch.full_name} built {type(model).__name__}, not a torch.nn.Module", "report it to its author"
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise SegkitError(
            f"arch {plan.arch.full_name} has no parameter to train", "report it to its author, or change its params"
        )
    minimum = getattr(model, "size_minimum", 1)
    if min(plan.size) < minimum:
        raise SegkitError(
            f"arch {plan.arch.component.name} takes sides of {minimum} and more, the working size is {plan.size}",
            f"say --size {minimum} or larger",
        )
    return model


def build_objective(plan: Plan) -> Objective:
    """Build every loss of the sum; once more for each choice of classes that training cases are annotated for alone.

    Raises:
        UsageError: a loss cannot be built so, such as with a weight for each of all classes.
    """
    terms = build_terms(plan, plan.task)
    if plan.task.overlapping:  # what was not looked for is ignored in its plane
        return Objective(terms)
    choices = set(rows_of([case.annotated for case in plan.cases["train"]], plan.task.classes))
    partial = {}
    for known in sorted(choice for choice in choices if not all(choice)):
        one = annotated_task(plan.task, known)
        try:
            partial[known] = build_terms(plan, one)
        except UsageError as error:
            alone = ", ".join(one.classes)
            raise UsageError(
                f"{error.message}: some training cases are annotated for {alone} alone", error.hint
            ) from None
    return Objective(terms, partial)


def build_terms(plan: Plan, task: Task) -> list[WeightedLoss]:
    """Build the terms of the sum for a task."""
    terms = []
    for term, found in plan.losses:
        assert isinstance(found.component, Loss)
        params = plan.config.params_of("loss", found.component.name)
        function, maker = found.load()(task, params), None
        if found.component.case_map:
            if task != plan.task:
                raise UsageError(
                    f"loss {found.full_name} asks for a map of all classes, and cases are annotated for some only",
                    "choose another loss for these data",
                )
            make = partial(found.load("case_map"), task=task, params=params)
            maker = MapMaker(found.full_name, [found.plugin.version, plain(params)], make)
        component = found.component
        terms.append(WeightedLoss(component.name, term.factor, function, component.scope, component.asks, maker))
    return terms


def build_metrics(plan: Plan, progress: Progress | None = None) -> tuple[ChosenMetric, ...]:
    """Build every metric; where one takes something from readers, what they drew is read for it.

    Raises:
        UsageError: there are no such readers.
    """
    built = []
    for found in plan.metrics:
        assert isinstance(found.component, Metric)
        params = plan.config.params_of("metric", found.component.name)
        measure, make = found.load("measure"), found.load()
        readers = None
        if found.component.from_readers and asks_readers(params):
            asking = ChosenMetric(found.component, params, measure, make)
            params, readers = params_from_readers(plan, asking, found.load("from_readers"), progress or Progress())
        built.append(ChosenMetric(found.component, params, measure, make(plan.task, params), readers))
    return tuple(built)
