"""The decode-once, memory-mapped copy of volumes: each on its own working grid, all in one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.store import Progress, annotated_of, find_or_build, store_key
from segkit.data.store_build import IMAGES, MASKS, digest
from segkit.data.volume_build import FOREGROUND, SAMPLES, build_volume_store
from segkit.data.volume_layout import VolumeLayout


@dataclass(frozen=True)
class StoredVolume:
    """One volume of a store.

    Attributes:
        shape: the case's own grid (D, H, W), and `spacing` its mm per voxel (None where not known).
        size: the working grid.
        working_spacing: mm per voxel of the working grid.
        annotated: the classes that its mask was drawn for; None: all.
    """

    id: str
    group: str | None
    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None
    size: tuple[int, ...]
    annotated: tuple[str, ...] | None = None

    @property
    def case(self) -> Case:
        """What scores are of."""
        return Case(self.id, self.group, annotated=self.annotated)

    @property
    def working_spacing(self) -> tuple[float, ...] | None:
        """Both grids span the same extent."""
        if self.spacing is None:
            return None
        lengths = zip(self.shape, self.spacing, self.size, strict=True)
        return tuple(count * length / wanted for count, length, wanted in lengths)


class VolumeStore:
    """Volumes and masks of a split on their working grids, read from memory-mapped files.

    Attributes:
        volumes: True; tells it from a `Store` of images.
        cases: in the order of indices.
        layout: which grids these are.
        key: what it is found by.
        fingerprint: SHA-256 over the ids and the contents of the source files.
        sources: per case, SHA-256 of each of its files.
        contents: per case, digest of its decoded volume (`segkit.data.content`).
        numbers: per case, what it is like (`segkit.data.likeness`).
        rounding_error: largest difference, in the image's unit, between a resampled image and what is stored.
        was_built: whether this opening built it.
        planes: how many overlapping classes a mask has a plane of; None where it is a label map.
        classes: their names, where some case was not annotated for all of them.
    """

    volumes: ClassVar[Literal[True]] = True

    def __init__(self, folder: Path, index: Mapping[str, Any], *, was_built: bool) -> None:
        self._entries: list[dict[str, Any]] = index["cases"]
        self.channels: int = index["channels"]
        self.planes: int | None = index.get("planes")
        self.classes: tuple[str, ...] = tuple(index.get("classes", ()))
        self.rounding_error: float = index["rounding_error"]
        self.was_built = was_built
        self.cases = tuple(_stored(entry) for entry in self._entries)
        self.sources: list[list[str]] = [entry["sources"] for entry in self._entries]
        self.contents: list[str] = [entry["content"] for entry in self._entries]
        self.numbers: list[list[float | None]] = [entry["numbers"] for entry in self._entries]
        self.key: str = index["key"]
        self.fingerprint = digest([[entry["id"], entry["sources"]] for entry in self._entries])
        self._map(folder, index)

    def _map(self, folder: Path, index: Mapping[str, Any]) -> None:
        """Open the files."""
        self.layout = VolumeLayout.from_dict(index["size"])
        voxels = np.array([np.prod(case.size) for case in self.cases], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(voxels)])
        self._images = mapped(folder / IMAGES, np.int16)
        self._masks = mapped(folder / MASKS, np.uint8)
        self._foreground = mapped(folder / FOREGROUND, np.uint32)
        self._samples = mapped(folder / SAMPLES, np.float32).reshape(-1, self.channels)

    def __len__(self) -> int:
        return len(self.cases)

    def image(self, index: int) -> np.ndarray:
        """Return a volume as stored, (C, *size) int16, a view of the file: value = slope * stored + intercept."""
        start, stop = (int(bound) * self.channels for bound in self._starts[index : index + 2])
        return self._images[start:stop].reshape(self.channels, *self.cases[index].size)

    def mask(self, index: int) -> np.ndarray:
        """Return a mask, (*size) uint8, or (classes, *size) where these overlap, a view of the file."""
        start, stop = (int(bound) * (self.planes or 1) for bound in self._starts[index : index + 2])
        size = self.cases[index].size
        return self._masks[start:stop].reshape(size if self.planes is None else (self.planes, *size))

    def scale(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return slopes and intercepts (C,) float32."""
        entry = self._entries[index]
        return np.array(entry["slopes"], np.float32), np.array(entry["intercepts"], np.float32)

    def values(self, index: int) -> np.ndarray:
        """Return a volume's values, (C, *size) float32."""
        slopes, intercepts = (row[:, None, None, None] for row in self.scale(index))
        values: np.ndarray = self.image(index).astype(np.float32) * slopes + intercepts
        return values

    def moments(self, index: int, kind: str) -> tuple[tuple[float, ...], ...]:
        """Return mean and deviation of the whole volume ("image") or of its body ("body"), each one per channel.

        Of "plugin" also what its values are clipped to, as the plugin measured it.
        """
        return tuple(tuple(row) for row in self._entries[index]["moments"][kind])

    def channel_moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and deviation (C,) over the voxels of all cases, each on its own grid, in float64."""
        counts = np.array([np.prod(case.shape) for case in self.cases], np.float64)
        means, stds = np.array([self.moments(index, "image") for index in range(len(self))]).swapaxes(0, 1)
        mean = np.average(means, axis=0, weights=counts)
        # The deviation over all voxels from those of the cases: what varies within them, and what their means vary
        # by.
        return mean, np.sqrt(np.average(stds**2 + (means - mean) ** 2, axis=0, weights=counts))

    def labels(self, index: int) -> list[int]:
        """Return the foreground labels that a case has on its working grid."""
        return [int(label) for label, *_ in self._entries[index]["foreground"]]

    def foreground(self, index: int, label: int) -> np.ndarray:
        """Return where a label's voxels are on the working grid: flat indices in rising order; a part of very many."""
        start, stop = next(found[1:3] for found in self._entries[index]["foreground"] if found[0] == label)
        return self._foreground[start:stop]

    def held_labels(self) -> frozenset[int]:
        """Return the foreground labels that a mask holds on its case's own grid."""
        # Stores that were built before classes could overlap have no such list: their samples are of every label.
        held = (entry.get("held", [row[0] for row in entry["samples"]]) for entry in self._entries)
        return frozenset(int(label) for labels in held for label in labels)

    def foreground_values(self) -> tuple[np.ndarray, np.ndarray]:
        """Return values (n, C) of foreground voxels on the cases' own grids, and how many each stands for (n,)."""
        found = [row for entry in self._entries for row in entry["samples"]]
        weights = [np.full(stop - start, count / (stop - start)) for _, start, stop, count in found]
        return np.asarray(self._samples), np.concatenate(weights) if weights else np.empty(0)


def _stored(entry: Mapping[str, Any]) -> StoredVolume:
    spacing = None if entry["spacing"] is None else tuple(entry["spacing"])
    size = tuple(entry["size"])
    return StoredVolume(entry["id"], entry["group"], tuple(entry["shape"]), spacing, size, annotated_of(entry))


def mapped(path: Path, dtype: Any) -> np.ndarray:
    """Map a store's file of numbers."""
    # An empty file cannot be mapped: no case has any foreground.
    return np.memmap(path, dtype, "r") if path.stat().st_size else np.empty(0, dtype)


def open_volume_store(
    reader: DatasetReader,
    dataset_name: str,
    cases: Sequence[Case],
    layout: VolumeLayout,
    *,
    folder: Path,
    workers: int,
    progress: Progress | None = None,
    settings: Mapping[str, Any] | None = None,
    measure: Callable[[np.ndarray], Any] | None = None,
) -> VolumeStore:
    """Open the store of volumes in a layout, building it first where there is none or a damaged one.

    Args and Raises: as `segkit.data.store.open_store`.
        measure: a plugin's normalisation, whose numbers of each case are kept; `settings` say which it is.
    """
    key = store_key(reader, dataset_name, cases, layout.to_dict(), settings)

    def build(building: Path) -> None:
        build_volume_store(
            building, key, reader, dataset_name, cases, layout, workers=workers, progress=progress, measure=measure
        )

    while True:
        place, index, was_built = find_or_build(folder, dataset_name, key, build)
        with suppress(FileNotFoundError):  # where another process has cleared the cache since, it is built again
            return VolumeStore(place, index, was_built=was_built)
