"""In which of a dataset's modes an architecture works, and on what grid."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from segkit.data.dataset import DatasetReader
from segkit.data.resolution import Resolution
from segkit.data.working_grid import TILES, VOLUME_MODES
from segkit.declarations import Architecture, Dataset, Task
from segkit.discovery import Found, Registry
from segkit.errors import SegkitError, UsageError
from segkit.settings import Data

OF_TILES = ("unit", "image", "dataset", "fixed")
"""Normalisations of tiles: those of volumes, and what plugins measure, take whole images."""


def choose_mode(arch: Architecture, data: Dataset, wanted: str | None, registry: Registry) -> str:
    """Return the mode asked for, or the first that the architecture supports.

    Raises:
        UsageError: there is none; it names the installed architectures that can.
    """
    able = [mode for mode, dims in data.offered.items() if dims in arch.spatial_dims]
    known = ", ".join(f"{mode} ({dims}D)" for mode, dims in data.offered.items())
    if wanted not in (None, "none") and wanted not in data.offered:
        raise UsageError(f"dataset {data.name} has no mode {wanted!r}", f"its modes: {known}")
    if wanted is not None and wanted in data.offered and wanted not in able:
        raise UsageError(
            f"arch {arch.name} cannot work in mode {wanted!r} of dataset {data.name}",
            f"modes: {known}; {able_architectures(registry, {data.offered[wanted]})}",
        )
    if not able:
        built = " and ".join(f"{dims}D" for dims in arch.spatial_dims)
        raise UsageError(
            f"arch {arch.name} is built for {built}, dataset {data.name} offers {known}",
            able_architectures(registry, set(data.offered.values())),
        )
    return wanted if wanted in able else able[0]


def with_modes_of(data: Dataset, reader: DatasetReader) -> Dataset:
    """Return the dataset with those of its modes that the files at hand allow, where the reader says which."""
    modes = getattr(reader, "modes", None)
    return data if modes is None else replace(data, modes={mode: data.offered[mode] for mode in modes})


def check_tiles(reader: DatasetReader, dataset: Dataset, settings: Data) -> None:
    """Raise UsageError where images cannot be shown tile by tile, or a setting of tiles does not fit."""
    if reader.task.spatial_dims != 2:
        raise UsageError(f"dataset {dataset.name} has volumes, mode tiles is for photographs", "say --mode patches")
    Resolution.parse(settings.resolution)
    if settings.normalization not in OF_TILES:
        raise UsageError(
            f"data.normalization={settings.normalization} does not go with mode tiles", f"use {', '.join(OF_TILES)}"
        )


def able_architectures(registry: Registry, dims: Set[int]) -> str:
    """Say which installed architectures are built for any of these spatial dims."""
    able = [
        item.component.name
        for item in registry.components("arch")
        if isinstance(item.component, Architecture) and dims & set(item.component.spatial_dims)
    ]
    return f"architectures for it: {', '.join(able)}" if able else "install an architecture for it"


def network_task(reader: DatasetReader, dataset: Dataset, mode: str, settings: Data) -> Task:
    """Return the task that the network is built for: in mode slab every slice has the image's channels.

    Raises:
        UsageError: a setting of volumes does not fit.
        SegkitError: the mode is for volumes and the dataset has photographs.
    """
    channels, dims = reader.task.in_channels, dataset.offered[mode]
    if mode == TILES:
        check_tiles(reader, dataset, settings)
    if mode not in VOLUME_MODES:
        return replace(reader.task, spatial_dims=dims)
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
    return replace(reader.task, in_channels=channels * (settings.slab if mode == "slab" else 1), spatial_dims=dims)


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
