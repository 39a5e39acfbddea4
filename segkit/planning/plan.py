"""From settings to what will be done: components, data and config resolved, before torch is imported."""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segkit.config import Config, Kind, Layer, Origin, read_file, resolve, section_values
from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.roots import Root
from segkit.data.working_grid import PART_MODES, VOLUME_MODES
from segkit.declarations import Architecture, Dataset, Task
from segkit.discovery import Found, Registry
from segkit.engine.measure import scored_task
from segkit.engine.postprocess import check_postprocess
from segkit.engine.summary import check_aggregations
from segkit.errors import UsageError, did_you_mean
from segkit.explain.choice import check_explain
from segkit.files import expanded
from segkit.planning.components import (
    chosen_components,
    find_explainers,
    find_losses,
    find_metrics,
    metric_of,
    required,
    required_by,
)
from segkit.planning.dataset import about_data, choose_dataset
from segkit.planning.modes import choose_mode, network_task, with_modes_of, working_size
from segkit.planning.offers import check_offers
from segkit.planning.overlapping import check_background, check_overlapping
from segkit.planning.parts import check_parts, find_parts, with_full_names
from segkit.planning.replaced import Choice, while_it_holds
from segkit.planning.said import Said, settings_of_params, wishes_of
from segkit.planning.shown import check_copies, check_window
from segkit.planning.soft import check_soft
from segkit.planning.source import Source, as_far_as_unsaid, check_start, differences
from segkit.planning.splits import ScoredSplit, choose_split, list_cases
from segkit.planning.strangers import check_params
from segkit.planning.terms import Term
from segkit.planning.volumes import fit_to_volumes


@dataclass(frozen=True)
class Plan:
    """Everything a run needs to know before it starts.

    Attributes:
        losses: each term of the sum with its component.
        task: what the network is built for (the mode's spatial dims).
        cases: by split; a split that does not exist is empty.
        scored: the split that is scored, and what its cases are to the model.
        sections: those that plugins add to the run's page.
        output: the run directory asked for; not part of the config, which can be moved and repeated.
        source: the weights to start from, where --from said so.
    """

    config: Config
    arch: Found
    data: Found
    losses: tuple[tuple[Term, Found], ...]
    metrics: tuple[Found, ...]
    root: Root
    reader: DatasetReader
    task: Task
    size: tuple[int, ...]
    cases: Mapping[str, Sequence[Case]]
    scored: ScoredSplit
    output: str | None
    explainers: tuple[Found, ...] = ()
    parts: tuple[Found, ...] = ()
    source: Source | None = None
    sections: tuple[Found, ...] = ()

    def parts_of(self, kind: str) -> list[Found]:
        """The parts of one kind that settings name, in their order."""
        return [found for found in self.parts if found.component.kind == kind]

    @property
    def split(self) -> str:
        """The name of the scored split."""
        return self.scored.name

    @property
    def split_note(self) -> str:
        """Why it is scored, in words."""
        return self.scored.note

    @property
    def scored_task(self) -> Task:
        """The task whose classes are scored: with the background as one where that was asked for."""
        return scored_task(self.task, self.config.evaluate.background)

    @property
    def selects(self) -> bool:
        """Whether the best epoch may be chosen: never on the split that is scored."""
        return bool(self.cases["val"]) and self.split != "val"

    @property
    def volumes(self) -> bool:
        """Whether the network is shown parts of images: slices, slabs or patches of volumes, tiles of photographs."""
        return self.config.data.mode in PART_MODES

    @property
    def slab(self) -> int:
        """How many slices a network is shown at once."""
        return self.config.data.slab if self.config.data.mode == "slab" else 1

    @property
    def chosen(self) -> list[Found]:
        """Every component of the run."""
        return [
            self.arch,
            self.data,
            *(found for _, found in self.losses),
            *self.metrics,
            *self.explainers,
            *self.parts,
        ]


def make_plan(
    layers: Sequence[Layer],
    registry: Registry,
    environ: Mapping[str, str] | None = None,
    tell: Callable[[str], None] | None = None,
    source: Source | None = None,
) -> Plan:
    """Resolve settings into a plan, the weaker kind of layer first; of one kind the later layer wins.

    Args:
        layers: config file and flags; architecture, recipe and the environment come in at their places.
        environ: the process's environment where not given.
        tell: told in a sentence what takes long, such as drawing a sample, and which variables were left out.
        source: the weights to start from; what they were trained with comes in at its place.

    Raises:
        UsageError: something cannot be meant: an unknown name, an impossible pair, a value out of range.
        SegkitError: the data are not there or not as they should be.
    """
    given = [*layers, *(source.given(registry) if source is not None else [])]
    said = Said(given, os.environ if environ is None else environ)
    names = section_values(said.layers(), "components")
    arch = registry.find("arch", required(names, "arch", registry))
    data = registry.find("data", required(names, "data", registry))
    assert isinstance(arch.component, Architecture)
    assert isinstance(data.component, Dataset)
    pair = Choice([("arch", arch), ("data", data)], ("arch", "data"))
    about = while_it_holds(said.layers(pair), pair)
    wanted_mode = section_values(about, "data").get("mode")
    choose_mode(arch.component, data.component, wanted_mode, registry)  # the impossible is told before data are made
    dataset = choose_dataset(data, about_data(about))
    reader, root = dataset.open(tell)
    sampled = root.generated and dataset.given_root is None
    wanted_mode = section_values(while_it_holds(about, pair, sampled=sampled), "data").get("mode")
    mode = choose_mode(arch.component, with_modes_of(data.component, reader), wanted_mode, registry)
    wishes = wishes_of(arch, data, reader, mode)
    trained_with = None if source is None else source.wishes(reader.task.in_channels)
    if trained_with is not None:
        wishes.append(as_far_as_unsaid(trained_with, about))
    named_in = [*wishes, *while_it_holds(about, pair, sampled=sampled)]
    names = section_values(named_in, "components")
    known, asked = required_by(arch, data), section_values(named_in[len(wishes) :], "components")
    within = {name: () if name in asked else known for name in ("loss", "metrics", "explainers")}
    losses = find_losses(registry, required(names, "loss", registry), within["loss"])
    metrics = find_metrics(registry, names.get("metrics"), within["metrics"])
    explainers = find_explainers(registry, names.get("explainers"), within["explainers"])
    parts = find_parts(registry, named_in)
    choice = chosen_components(arch, data, [found for _, found in losses], metrics, explainers, parts)
    said.tell_strays(choice, tell)
    config = resolve(while_it_holds(said.layers(choice, wishes), choice, sampled=sampled), choice.params)
    task = network_task(reader, data.component, mode, config.data)
    following = settings_of_params(arch, task, config)
    if following.values:
        parts = find_parts(registry, [*wishes, following, *named_in[len(wishes) :]])
        choice = chosen_components(arch, data, [found for _, found in losses], metrics, explainers, parts)
        ordered = while_it_holds(said.layers(choice, [*wishes, following]), choice, sampled=sampled)
        config = resolve(ordered, choice.params)
    check_params(choice.params, config.component_params, said.layers(choice), root.path)
    check_start(config.start, source, task, arch.full_name)
    check_aggregations(config.evaluate.aggregation, [metric_of(found) for found in metrics])
    check_postprocess(config.evaluate, task.classes)
    check_parts(parts, task, [found for _, found in losses])
    check_background(task, config.evaluate)
    check_overlapping(task, [found for _, found in choice.found], registry)
    check_soft(reader, [found for _, found in losses], registry)
    check_offers(arch, config.params_of("arch", arch.component.name), explainers, registry)
    cases = list_cases(reader, data.component.name)
    scored = choose_split(config.evaluate.split, cases, getattr(reader, "dealt_splits", ()))
    if config.train.patience is not None and (not cases["val"] or scored.name == "val"):
        raise UsageError(
            f"train.patience={config.train.patience}: there is no validation split besides the scored one, by which "
            "training never stops",
            "leave it out, or deal out a test split",
        )
    if mode in VOLUME_MODES:
        config = fit_to_volumes(config, reader, cases["train"])
    size = working_size(config.data.size, data.component.offered[mode], data)
    check_copies(config, task, config.evaluate.window or size)
    check_window(config.evaluate.window, mode, size, sized=getattr(arch.component, "sized", False))
    if trained_with is not None and tell is not None:
        for difference in differences(trained_with, config):
            tell(f"note: {difference}")
    named, sections = config.run.output, registry.components("section")
    output = None if named is None else str(expanded(named, "run.output"))
    if explainers:
        check_explain(config.explain, task.classes, [case.id for case in cases[scored.name]])
    loss = " + ".join(str(replace(term, name=found.full_name)) for term, found in losses)
    # The size is kept as it was said: 128 written as 128 x 128 would be no size of a cube for the next architecture.
    config = written_down(config, choice, loss, mode, root, config.data.size or size)
    return Plan(
        config,
        arch,
        data,
        losses,
        metrics,
        root,
        reader,
        task,
        size,
        cases,
        scored,
        output,
        explainers,
        parts,
        source,
        tuple(sections),
    )


def read_config(text: str, registry: Registry) -> Layer:
    """Read a config file, or "isic:report": a config that the dataset's plugin ships under that name."""
    path = Path(text)
    name, colon, config = text.rpartition(":")
    if not colon or path.exists() or path.suffix == ".toml":
        return read_file(path)
    found = registry.find("data", name)
    assert isinstance(found.component, Dataset)
    shipped = found.component.configs
    if config not in shipped:
        known = ", ".join(f"{name}:{known}" for known in shipped) or "none"
        raise UsageError(
            f"dataset {name} ships no config {config!r}{did_you_mean(config, shipped)}", f"it ships: {known}"
        )
    package, _, file = shipped[config].partition(":")
    return read_file(Path(str(importlib.resources.files(package))) / file)


def written_down(
    config: Config, choice: Choice, loss: str | None, mode: str, root: Root, size: tuple[int, ...]
) -> Config:
    """Write what was resolved into the config: full names, mode, root, size and the run's name."""
    arch, data, config = choice.of("arch")[0], choice.of("data")[0], with_full_names(config, choice)
    components = replace(
        config.components,
        arch=arch.full_name,
        data=data.full_name,
        loss=loss,
        metrics=tuple(found.full_name for found in choice.of("metric")),
        explainers=tuple(found.full_name for found in choice.of("explainer")),
    )
    name = config.run.name or f"{arch.component.name}-{data.component.name}"
    if root.generated and "generated-sample" not in name:
        name += "-generated-sample"
    origins = dict(config.origins)
    origins.setdefault("data.mode", Origin(Kind.DERIVED, f"first mode that {arch.component.name} supports"))
    # A generated sample is made again elsewhere; its cached folder is no root that a config should pin.
    kept_root = config.data.root if root.generated and not config.data.root else root.written
    if config.data.root is None:
        origins["data.root"] = Origin(Kind.ENVIRONMENT if kept_root else Kind.DEFAULT, root.source)
    return replace(
        config,
        components=components,
        run=replace(config.run, name=name, output=None),
        data=replace(config.data, mode=mode, root=kept_root, size=size),
        origins=origins,
    )
