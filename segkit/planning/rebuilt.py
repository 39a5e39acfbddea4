"""What a checkpoint names, built again with the plugins that are installed."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segkit.data.normalize import PLUGIN, Measure, Normalization
from segkit.declarations import Task
from segkit.discovery import Found, Registry
from segkit.engine.bounded import TooLargeError, build_bounded
from segkit.engine.postprocess import PredictionStep
from segkit.engine.preprocessing import Preprocessing
from segkit.errors import SegkitError, UsageError, one_line
from segkit.params import build, describe
from segkit.planning.strangers import check_rebuilt
from segkit.settings import AXES, Augment, Evaluate

logger = logging.getLogger("segkit")
DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,100}[A-Za-z0-9])?")
"""A distribution's name, after PEP 508."""


def with_mirrored(preprocessing: Preprocessing, header: Mapping[str, Any], task: Task) -> Preprocessing:
    """Return preprocessing that knows which axes training mirrored, of an older checkpoint by its record of training.

    One that was scored with mirrored copies and trained without stays what it was scored as.
    """
    flip = header.get("training", {}).get("augment", {}).get("flip")
    if preprocessing.mirrored is not None or flip is None:
        return preprocessing
    augment = build(Augment, {"flip": flip}, "augment")
    mirrored = augment.mirrored(task.spatial_dims)
    return preprocessing if preprocessing.mirror and not mirrored else replace(preprocessing, mirrored=mirrored)


def turns_in_training(header: Mapping[str, Any], task: Task, size: Sequence[int]) -> bool:
    """Whether training showed images turned by quarters, by a checkpoint's record of it; on a square grid alone."""
    told = header.get("training", {}).get("augment", {})
    kept = {name: told[name] for name in ("flip", "transpose", "warp", "rotation") if name in told}
    return size[-1] == size[-2] and build(Augment, kept, "augment").turned(task.spatial_dims)


def built_steps(
    path: Path, header: Mapping[str, Any], registry: Registry, task: Task, settings: Evaluate
) -> list[PredictionStep]:
    """Build the plugins' steps that the run's predictions went through; raises SegkitError where one is missing."""
    built = []
    named = {item["name"]: item for item in header["components"] if item["kind"] == "postprocess"}
    for name in settings.postprocess:
        if name not in named:
            raise SegkitError(f"{path.name}: its header names no {name}", "copy the file again")
        found, params = rebuilt_part(path, registry, named[name])
        built.append(PredictionStep(found.full_name, found.load()(task, params)))
    return built


def with_measure(
    preprocessing: Preprocessing, path: Path, header: Mapping[str, Any], registry: Registry
) -> Preprocessing:
    """Return preprocessing whose normalisation can measure, where it is a plugin's.

    Raises:
        SegkitError: the plugin is not installed.
    """
    if preprocessing.normalization.kind != PLUGIN:
        return preprocessing
    named = next(item for item in header["components"] if item["kind"] == "normalization")
    found, params = rebuilt_part(path, registry, named)
    measure = Measure(found.full_name, [], found.load()(params))
    return replace(preprocessing, normalization=Normalization(PLUGIN, measure=measure))


def rebuilt_part(path: Path, registry: Registry, named: Mapping[str, Any]) -> tuple[Found, Any]:
    """Find a part that the checkpoint names, and build its params; raises SegkitError where it is not as it was."""
    found = find_needed(path, registry, named["kind"], named["name"], named["version"])
    tell_version(path, found, named["version"])
    whose = f"{named['kind']} {found.component.name}"
    params = build(found.component.params, named["params"], f"{whose} in {path.name}")
    check_rebuilt(params, f"{path.name}: its {whose}")
    return found, params


def check_preprocessing(preprocessing: Preprocessing, task: Task) -> None:
    """Raise ValueError where a working size, a slab or a normalisation cannot be of a task's images."""
    if len(preprocessing.size) != task.spatial_dims:
        raise ValueError(f"a size of {len(preprocessing.size)} axes for {task.spatial_dims}")
    if preprocessing.window is not None and len(preprocessing.window) != task.spatial_dims:
        raise ValueError(f"a window of {len(preprocessing.window)} axes for {task.spatial_dims}")
    if preprocessing.slab % 2 == 0 or task.in_channels % preprocessing.slab:
        raise ValueError(f"a slab of {preprocessing.slab} slices for {task.in_channels} channels")
    if not {*(preprocessing.mirrored or ())} <= {*AXES[task.spatial_dims]}:
        raise ValueError(f"mirrored along {', '.join(preprocessing.mirrored or ())}")
    channels = task.in_channels // preprocessing.slab
    if len(preprocessing.normalization.mean) not in (0, channels):
        raise ValueError(f"normalization of {len(preprocessing.normalization.mean)} channels for {channels}")
    if len({*task.classes}) < len(task.classes):
        raise ValueError("a class twice")


def tell_version(path: Path, found: Found, version: str) -> None:
    """Warn where a component is of another version than the model was trained with: it may compute something else."""
    if found.plugin.version != version:
        logger.warning(
            "%s was trained with %s %s, %s is installed", path.name, found.full_name, version, found.plugin.version
        )


def find_needed(path: Path, registry: Registry, kind: str, full_name: str, version: str) -> Found:
    """Find a component that a model is applied with; where it is missing, name the distribution to install."""
    try:
        return registry.find(kind, full_name)
    except SegkitError as error:
        hint = install_hint(path.name, full_name.partition(":")[0], version)
        raise SegkitError(f"{path.name} needs {full_name} {version}: {error.message}", hint) from None


def install_hint(file: str, distribution: str, version: str) -> str:
    """Say what a checkpoint names as missing, as its word: whoever wrote the file chose what would be installed."""
    from packaging.version import InvalidVersion, Version

    try:
        pinned = f"'{distribution}=={Version(version)}'"
    except InvalidVersion:
        pinned = ""
    if not pinned or not DISTRIBUTION.fullmatch(distribution):
        return "ask who made the file which plugin it needs"
    return f"the file says that pip install {pinned} brings it: look who publishes that before you do"


def build_network(
    path: Path,
    found: Found,
    task: Task,
    settings: Mapping[str, Any],
    version: str,
    weights: Mapping[str, torch.Tensor],
    size: tuple[int, ...],
) -> nn.Module:
    """Build the network with the params of the checkpoint, except those that mattered only where training started.

    Raises:
        SegkitError: they do not fit the installed architecture, or make another network than the weights are of.
    """
    known = describe(found.component.params)
    kept = {name: value for name, value in settings.items() if name not in known or not known[name].start}
    try:
        params = build(found.component.params, kept, f"arch {found.component.name}")
    except UsageError as error:
        raise SegkitError(
            f"{path.name} was written for {found.full_name} {version}, installed is {found.plugin.version}: "
            f"{error.message}",
            install_hint(path.name, found.plugin.name, version),
        ) from None
    check_rebuilt(params, f"{path.name}: its arch {found.component.name}")
    found.load()
    try:
        return build_bounded(lambda: found.network(task, params, size), weights)
    except TooLargeError as error:
        raise SegkitError(f"{path.name} does not fit {found.full_name}: {error}", "copy the file again") from None
    except (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        # What a factory raises of params that passed its checks: with the task of the file they make no network.
        reason = one_line(f"{type(error).__name__}: {error}")
        raise SegkitError(
            f"{path.name}: {found.full_name} cannot be built as the file says ({reason})", "copy the file again"
        ) from None


def load_weights(path: Path, network: nn.Module, weights: Mapping[str, torch.Tensor], full_name: str) -> None:
    """Load the weights; raises SegkitError that lists the first keys that differ, or where some are not numbers."""
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    different = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
    if different:
        shown = "; ".join(f"{name} is {found.get(name)}, expected {expected.get(name)}" for name in different[:3])
        raise SegkitError(
            f"{path.name} does not fit {full_name}: {len(different)} tensors differ: {shown}",
            "install the version of the plugin that wrote it",
        )
    network.load_state_dict(dict(weights))
    spoiled = [name for name, value in sorted(weights.items()) if not bool(torch.isfinite(value).all())]
    if spoiled:
        raise SegkitError(
            f"{path.name} holds weights that are NaN or infinite: {', '.join(spoiled[:3])}",
            "its training diverged: train again with a lower learning rate",
        )
