"""From a trained model to what it will be scored on, and how: the same settings as of a run, the model as it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from segkit.config import Layer, resolve, section_values
from segkit.data.case import Case
from segkit.data.dataset import SPLITS, DatasetReader
from segkit.discovery import Found, Registry
from segkit.engine.postprocess import check_postprocess
from segkit.engine.summary import check_aggregations
from segkit.errors import SegkitError, UsageError
from segkit.params import describe
from segkit.planning.components import chosen_components, find_losses, find_metrics, metric_of, required_by
from segkit.planning.dataset import about_data, choose_dataset
from segkit.planning.one_of_several import in_classes_of, own_part
from segkit.planning.overlapping import check_background, check_overlapping
from segkit.planning.parts import find_parts
from segkit.planning.plan import Plan, written_down
from segkit.planning.relation import choose_scored, relation_to
from segkit.planning.replaced import Choice, of_sections
from segkit.planning.said import Said, check_asked, wishes_of
from segkit.planning.splits import check_names
from segkit.planning.strangers import check_params
from segkit.planning.terms import Term
from segkit.planning.trained import TrainedModel, component, recorded
from segkit.settings import Data

ASKED = ("data", "evaluate", "metric", "postprocess", "components.metrics", "run.name")
"""Settings that say how a model is scored; the others are what it is."""
OF_TRAINING = tuple(f"data.{name}" for name in describe(Data) if name != "root")
"""What the network is shown of the data, whose root and own params may be others."""


def plan_scoring(
    model: TrainedModel,
    data_name: str | None,
    said: Sequence[Layer],
    registry: Registry,
    environ: Mapping[str, str] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Plan:
    """Find data, split and metrics.

    Args:
        data_name: another dataset's name, or one of several that the model was trained on; None for the model's own.
        said: flags, each with the option as its source.

    Raises:
        UsageError: a name or setting that cannot be meant, or a dataset of another task.
        SegkitError: a plugin or the data are missing.
    """
    check_asked(said, ASKED, OF_TRAINING, "scoring takes data.root and the dataset's params, evaluate.* and metric.*")
    own = component(model.header, "data")["name"]
    arch = registry.find("arch", component(model.header, "arch")["name"])
    part = own_part(own, data_name)
    data = registry.find("data", data_name or own) if part is None else registry.find("data", part.text)
    is_own = data.full_name == own or part is not None
    losses = losses_at_hand(model.header, registry)
    base = recorded(model, [arch, *(found for _, found in losses)], is_own=is_own)
    base = base if part is None else part.of(base)
    everything = Said([base, *said], os.environ if environ is None else environ, ASKED[:4])
    pair = Choice([("arch", arch), ("data", data)], ("arch", "data"))
    dataset = choose_dataset(data, about_data(everything.layers(pair)))
    reader, root = dataset.open(tell)
    reader = in_classes_of(model.image_task, reader, data, root, part, tell)
    check_task(model, reader, data)
    sections = ("components", "evaluate", "metric", "postprocess")
    wishes = [of_sections(wish, sections) for wish in wishes_of(arch, data, reader, model.mode)]
    names = section_values([*wishes, *everything.layers(pair)], "components")
    asked = section_values(everything.layers(pair), "components")
    metrics = find_metrics(registry, names.get("metrics"), () if "metrics" in asked else required_by(arch, data))
    parts = find_parts(registry, [*wishes, *everything.layers(pair)], ("postprocess",))
    choice = chosen_components(arch, data, [found for _, found in losses], metrics, parts=parts)
    everything.tell_strays(choice, tell)
    config = resolve(everything.layers(choice, wishes), choice.params)
    check_params(choice.params, config.component_params, everything.layers(choice), root.path)
    check_aggregations(config.evaluate.aggregation, [metric_of(found) for found in metrics])
    check_postprocess(config.evaluate, model.task.classes)
    check_background(model.task, config.evaluate)
    check_overlapping(model.task, metrics, registry)
    cases: dict[str, Sequence[Case]] = {split: list(reader.cases(split)) for split in SPLITS}
    relation = relation_to(model, root, dataset, is_own=is_own, part=part)
    scored = choose_scored(config.evaluate.split, cases, relation, model.header)
    check_names(cases[scored.name])
    name = config.run.name or f"{arch.component.name}-{data.component.name}-{scored.name}"
    config = replace(config, run=replace(config.run, name=name))
    config = written_down(config, choice, model.header.get("loss"), model.mode, root, model.size)
    return Plan(
        config,
        arch,
        data,
        losses,
        metrics,
        root,
        reader,
        model.task,
        model.size,
        cases,
        scored,
        output=None,
        parts=parts,
    )


def check_task(model: TrainedModel, reader: DatasetReader, data: Found) -> None:
    """Raise UsageError where a dataset's images or classes are not those of the model."""
    wanted, found = model.image_task, reader.task
    if wanted.overlapping != found.overlapping:
        kinds = {True: "classes that overlap", False: "classes that exclude each other"}
        raise UsageError(
            f"dataset {data.component.name} has {kinds[found.overlapping]}, the model {kinds[wanted.overlapping]}",
            "score it on a dataset of its kind, or train a model on this one",
        )
    for what, one, other in (
        ("classes", wanted.classes, found.classes),
        ("channels", wanted.in_channels, found.in_channels),
        ("axes", wanted.spatial_dims, found.spatial_dims),
    ):
        if one != other:
            shown = [", ".join(value) if isinstance(value, tuple) else value for value in (one, other)]
            raise UsageError(
                f"dataset {data.component.name} has {what} {shown[1]}, the model {shown[0]}",
                "give data like those of the model; classes are matched by name, in the same order",
            )


def losses_at_hand(header: Mapping[str, Any], registry: Registry) -> tuple[tuple[Term, Found], ...]:
    """Find the losses; they were needed for training, and a machine that scores need not have them."""
    try:
        return find_losses(registry, str(header.get("loss")))
    except SegkitError:
        return ()
