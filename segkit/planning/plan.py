"""From settings to what will be done: components, data and config resolved, before torch is imported."""

from __future__ import annotations

import importlib.resources
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segkit.config import (
    PARAM_SECTIONS,
    ChosenParams,
    Config,
    Layer,
    read_environment,
    read_file,
    resolve,
    section_values,
)
from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.roots import Root
from segkit.data.working_grid import VOLUME_MODES
from segkit.declarations import Architecture, Dataset, Metric, Task
from segkit.discovery import Found, Registry
from segkit.engine.measure import scored_task
from segkit.engine.postprocess import check_postprocess
from segkit.engine.summary import check_aggregations
from segkit.errors import SegkitError, UsageError, did_you_mean
from segkit.explain.choice import check_explain
from segkit.planning.dataset import about_data, choose_dataset, meant_for, recipe_of
from segkit.planning.splits import choose_split, list_cases
from segkit.planning.terms import Term, parse_sum
from segkit.planning.volumes import fit_to_volumes, names_size
from segkit.settings import SECTIONS, Data


@dataclass(frozen=True)
class Plan:
    """Everything a run needs to know before it starts.

    Attributes:
        losses: each term of the sum with its component.
        task: what the network is built for (the mode's spatial dims).
        cases: by split; a split that does not exist is empty.
        split: the scored one, and `split_note` why.
        output: the run directory asked for; not part of the config, which can be moved and repeated.
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
    split: str
    split_note: str
    output: str | None
    explainers: tuple[Found, ...] = ()

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
        """Whether the network is shown parts of volumes: slices, slabs or patches."""
        return self.config.data.mode in VOLUME_MODES

    @property
    def slab(self) -> int:
        """How many slices a network is shown at once."""
        return self.config.data.slab if self.config.data.mode == "slab" else 1

    @property
    def chosen(self) -> list[Found]:
        """Every component of the run."""
        return [self.arch, self.data, *(found for _, found in self.losses), *self.metrics, *self.explainers]


def make_plan(
    layers: Sequence[Layer],
    registry: Registry,
    environ: Mapping[str, str] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Plan:
    """Resolve settings, weakest layer first, into a plan.

    Args:
        layers: config file and flags; the environment is put between them and the defaults as the design orders it.
        environ: the process's environment where not given.
        tell: told in a sentence what takes long, such as drawing a sample.

    Raises:
        UsageError: something cannot be meant: an unknown name, an impossible pair, a value out of range.
        SegkitError: the data are not there or not as they should be.
    """
    environment = read_environment(os.environ if environ is None else environ, {*SECTIONS, *PARAM_SECTIONS})
    said = [*(layer for layer in layers if layer.source.startswith("config file")), environment]
    said += [layer for layer in layers if not layer.source.startswith("config file")]
    names = section_values(said, "components")
    arch = registry.find("arch", required(names, "arch", registry))
    data = registry.find("data", required(names, "data", registry))
    assert isinstance(arch.component, Architecture)
    assert isinstance(data.component, Dataset)
    wanted_mode = section_values(said, "data").get("mode")
    choose_mode(arch.component, data.component, wanted_mode, registry)  # the impossible is told before data are made
    reader, root = choose_dataset(data, about_data(said)).open(tell)
    mode = choose_mode(arch.component, with_modes_of(data.component, reader), wanted_mode, registry)
    dims = data.component.modes[mode]
    recipe = recipe_of(reader, data.component, mode)
    defaults = Layer(f"default of {arch.component.name}", arch.component.defaults.get(dims, {}))
    ordered = [defaults, Layer(f"recipe of {data.component.name}", recipe), *said]
    names = section_values(ordered, "components")
    losses = find_losses(registry, required(names, "loss", registry))
    metrics = find_metrics(registry, names.get("metrics"))
    explainers = find_explainers(registry, names.get("explainers"))
    chosen = chosen_params(arch, data, [found for _, found in losses], metrics, explainers)
    ordered[1] = Layer(ordered[1].source, meant_for(recipe, chosen))
    config = resolve(ordered, chosen)
    task = network_task(reader, data.component, mode, config.data)
    following = settings_of_params(arch, task, config)
    if following.values:
        config = resolve([*ordered[: -len(said)], following, *said], chosen)
    check_aggregations(config.evaluate.aggregation, [metric_of(found) for found in metrics])
    check_postprocess(config.evaluate, task.classes)
    cases = list_cases(reader, data.component.name)
    split, note = choose_split(config.evaluate.split, cases)
    if mode in VOLUME_MODES:
        config = fit_to_volumes(config, reader, cases["train"], names_size(config.sources))
    size = working_size(config.data.size, dims, data)
    output = config.run.output
    if explainers:
        check_explain(config.explain, task.classes, [case.id for case in cases[split]])
    config = named(config, arch, data, losses, metrics, mode, root, size, explainers)
    return Plan(config, arch, data, losses, metrics, root, reader, task, size, cases, split, note, output, explainers)


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


def required(names: Mapping[str, Any], kind: str, registry: Registry) -> str:
    """Return the component named for a kind; raises UsageError that lists what is installed."""
    name = names.get(kind)
    if isinstance(name, str) and name and name != "none":
        return name
    installed = ", ".join(item.component.name for item in registry.components(kind)) or "none"
    raise UsageError(f"no {kind} was named", f"say --{kind} NAME; installed: {installed}")


def choose_mode(arch: Architecture, data: Dataset, wanted: str | None, registry: Registry) -> str:
    """Return the mode asked for, or the first that the architecture supports.

    Raises:
        UsageError: there is none; it names the installed architectures that can.
    """
    able = [mode for mode, dims in data.modes.items() if dims in arch.spatial_dims]
    known = ", ".join(f"{mode} ({dims}D)" for mode, dims in data.modes.items())
    if wanted not in (None, "none") and wanted not in data.modes:
        raise UsageError(f"dataset {data.name} has no mode {wanted!r}", f"its modes: {known}")
    if wanted is not None and wanted in data.modes and wanted not in able:
        raise UsageError(
            f"arch {arch.name} cannot work in mode {wanted!r} of dataset {data.name}",
            f"modes: {known}; {able_architectures(registry, {data.modes[wanted]})}",
        )
    if not able:
        built = " and ".join(f"{dims}D" for dims in arch.spatial_dims)
        raise UsageError(
            f"arch {arch.name} is built for {built}, dataset {data.name} offers {known}",
            able_architectures(registry, set(data.modes.values())),
        )
    return wanted if wanted in able else able[0]


def with_modes_of(data: Dataset, reader: DatasetReader) -> Dataset:
    """Return the dataset with those of its modes that the files at hand allow, where the reader says which."""
    modes = getattr(reader, "modes", None)
    return data if modes is None else replace(data, modes={mode: data.modes[mode] for mode in modes})


def able_architectures(registry: Registry, dims: Set[int]) -> str:
    """Say which installed architectures are built for any of these spatial dims."""
    able = [
        item.component.name
        for item in registry.components("arch")
        if isinstance(item.component, Architecture) and dims & set(item.component.spatial_dims)
    ]
    return f"architectures for it: {', '.join(able)}" if able else "install an architecture for it"


def settings_of_params(arch: Found, task: Task, config: Config) -> Layer:
    """Return what follows from an architecture's params for the rest of the config; nothing where it declares none.

    Raises:
        SegkitError: the declared function gives something else than config fields outside of its own params.
    """
    assert isinstance(arch.component, Architecture)
    values: Mapping[str, Any] = {}
    if arch.component.settings:
        values = arch.load("settings")(task, config.params_of("arch", arch.component.name))
        if not isinstance(values, Mapping) or any(str(name).startswith("arch.") for name in values):
            raise SegkitError(
                f"{arch.full_name}: settings gave {values!r}, not config fields", "report it to its author"
            )
    return Layer(f"params of {arch.component.name}", values)


def find_losses(registry: Registry, text: str) -> tuple[tuple[Term, Found], ...]:
    """Resolve every term of a sum of losses."""
    return tuple((term, registry.find("loss", term.name)) for term in parse_sum(text))


def find_metrics(registry: Registry, names: Any) -> tuple[Found, ...]:
    """Resolve the metrics, the main one first; raises UsageError where none is named or one is named twice."""
    listed = [part.strip() for part in names.split(",")] if isinstance(names, str) else list(names or ())
    listed = [name for name in listed if name]
    if not listed:
        installed = ", ".join(item.component.name for item in registry.components("metric")) or "none"
        raise UsageError("no metric was named", f"say --metric NAME; installed: {installed}")
    found = tuple(registry.find("metric", str(name)) for name in listed)
    for name, count in Counter(item.component.name for item in found).items():
        if count > 1:
            raise UsageError(f"metric {name!r} is named twice", "name each metric once")
    return found


def metric_of(found: Found) -> Metric:
    """The declaration of a metric that was found as one."""
    assert isinstance(found.component, Metric)
    return found.component


def find_explainers(registry: Registry, names: Any) -> tuple[Found, ...]:
    """Resolve the explainers; none where nothing or "none" is named. Raises UsageError where one is named twice."""
    listed = [part.strip() for part in names.split(",")] if isinstance(names, str) else list(names or ())
    found = tuple(registry.find("explainer", str(name)) for name in listed if name not in ("", "none"))
    for name, count in Counter(item.component.name for item in found).items():
        if count > 1:
            raise UsageError(f"explainer {name!r} is named twice", "name each explainer once")
    return found


def chosen_params(
    arch: Found, data: Found, losses: Sequence[Found], metrics: Sequence[Found], explainers: Sequence[Found] = ()
) -> list[ChosenParams]:
    """Which params the config holds, in the order it shows them."""
    ordered = [("arch", arch), ("data", data)]
    ordered += [("loss", loss) for loss in losses] + [("metric", metric) for metric in metrics]
    ordered += [("explainer", explainer) for explainer in explainers]
    return [ChosenParams(section, item.component.name, item.component.params) for section, item in ordered]


def network_task(reader: DatasetReader, dataset: Dataset, mode: str, settings: Data) -> Task:
    """Return the task that the network is built for: in mode slab every slice has the image's channels.

    Raises:
        UsageError: a setting of volumes does not fit.
        SegkitError: the mode is for volumes and the dataset has photographs.
    """
    channels, dims = reader.task.in_channels, dataset.modes[mode]
    if mode not in VOLUME_MODES:
        return Task(channels, reader.task.classes, dims)
    if reader.task.spatial_dims != 3:
        raise SegkitError(
            f"dataset {dataset.name} has mode {mode}, which is for volumes, and photographs",
            "report it to the dataset's author",
        )
    if settings.spacing is not None and len(settings.spacing) != 3:
        raise UsageError(
            f"data.spacing has {len(settings.spacing)} numbers", "give mm per voxel of all three axes: D,H,W"
        )
    if settings.window and not (len(settings.window) == 2 and settings.window[0] < settings.window[1]):
        raise UsageError("data.window is not a lowest and a highest value", "write for instance -160,240")
    if mode == "slab" and settings.slab % 2 == 0:
        raise UsageError(
            f"data.slab={settings.slab}: a slice has as many neighbours above as below", "give an odd number"
        )
    return Task(channels * (settings.slab if mode == "slab" else 1), reader.task.classes, dims)


def working_size(size: tuple[int, ...] | None, dims: int, data: Found) -> tuple[int, ...]:
    """Return the working grid; one number stands for every axis. Raises UsageError where it does not fit."""
    if size is None:
        raise UsageError(
            f"no working size was named for dataset {data.component.name}", "say --size 128 or --size 192x256"
        )
    if len(size) == 1:
        return size * dims
    if len(size) != dims:
        raise UsageError(
            f"--size has {len(size)} numbers, the network works in {dims}D", "give one number, or one per axis"
        )
    return size


def named(
    config: Config,
    arch: Found,
    data: Found,
    losses: tuple[tuple[Term, Found], ...],
    metrics: tuple[Found, ...],
    mode: str,
    root: Root,
    size: tuple[int, ...],
    explainers: tuple[Found, ...] = (),
) -> Config:
    """Write what was resolved into the config: full names, mode, root, size and the run's name."""
    loss = " + ".join(str(replace(term, name=found.full_name)) for term, found in losses)
    components = replace(
        config.components,
        arch=arch.full_name,
        data=data.full_name,
        loss=loss,
        metrics=tuple(found.full_name for found in metrics),
        explainers=tuple(found.full_name for found in explainers),
    )
    name = config.run.name or f"{arch.component.name}-{data.component.name}"
    if root.generated and "generated-sample" not in name:
        name += "-generated-sample"
    sources = dict(config.sources)
    sources.setdefault("data.mode", f"first mode that {arch.component.name} supports")
    sources["data.root"] = root.source
    # A generated sample is made again elsewhere; its cached folder is no root that a config should pin.
    kept_root = config.data.root if root.generated and not config.data.root else str(root.path.resolve())
    return replace(
        config,
        components=components,
        run=replace(config.run, name=name, output=None),
        data=replace(config.data, mode=mode, root=kept_root, size=size),
        sources=sources,
    )


def run_folder(plan: Plan) -> Path:
    """Return the run's directory, which must not hold anything yet.

    Raises:
        SegkitError: the directory given already holds something.
    """
    if plan.output is not None:
        folder = Path(plan.output)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SegkitError(f"--output {folder} already holds something", "name another directory")
        return folder
    base = Path("runs") / str(plan.config.run.name)
    folder, number = base, 2
    while folder.exists():
        folder, number = base.with_name(f"{base.name}-{number}"), number + 1
    return folder
