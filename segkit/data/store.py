"""The decode-once, memory-mapped copy of a dataset at working resolution."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.folders import locked, new_folder, writing
from segkit.data.reader_source import reader_digest
from segkit.data.store_build import FORMAT, IMAGES, INDEX, MASKS, build_store, describe_cases, digest
from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.files import parse_json

Progress = Callable[[int, int], None]
MASKS_AT_ONCE = 256
"""Masks whose labels are counted at a time."""
logger = logging.getLogger("segkit")
CHUNK = 16
"""Images taken into memory at a time where a whole store is read."""


@dataclass(frozen=True)
class StoredCase:
    """One case of a store.

    Attributes:
        shape: the case's own grid.
        annotated: the classes that its mask was drawn for; None: all.
    """

    id: str
    group: str | None
    shape: tuple[int, ...]
    annotated: tuple[str, ...] | None = None

    @property
    def case(self) -> Case:
        """What scores are of."""
        return Case(self.id, self.group, annotated=self.annotated)


class Store:
    """Images and masks of a split at working resolution, read from memory-mapped files.

    Attributes:
        volumes: False, as of every store of images; tells it from a `VolumeStore`.
        size: the working grid.
        dtype: uint8, or int16 with `scale`.
        cases: in the order of indices.
        key: what it is found by.
        fingerprint: SHA-256 over the ids and the contents of the source files.
        sources: per case, SHA-256 of each of its files.
        contents: per case, digest of its decoded image (`segkit.data.content`).
        numbers: per case, what it is like (`segkit.data.likeness`).
        rounding_error: largest difference, in the image's unit, between a resampled float image and what is stored.
        was_built: whether this opening built it.
        planes: how many overlapping classes a mask has a plane of; None where it is a label map.
        classes: their names, where some case was not annotated for all of them.
    """

    volumes: ClassVar[Literal[False]] = False

    def __init__(self, folder: Path, index: Mapping[str, Any], *, was_built: bool) -> None:
        entries = index["cases"]
        self.size: tuple[int, ...] = tuple(index["size"])
        self.channels: int = index["channels"]
        self.dtype = np.dtype(index["dtype"])
        self.cases = tuple(
            StoredCase(entry["id"], entry["group"], tuple(entry["shape"]), annotated_of(entry)) for entry in entries
        )
        self.sources: list[list[str]] = [entry["sources"] for entry in entries]
        self.contents: list[str] = [entry["content"] for entry in entries]
        self.numbers: list[list[float | None]] = [entry["numbers"] for entry in entries]
        self.key: str = index["key"]
        self.fingerprint = digest([[entry["id"], entry["sources"]] for entry in entries])
        self.rounding_error: float = index["rounding_error"]
        self.was_built = was_built
        self._slopes = np.array([entry["slopes"] for entry in entries], np.float64)
        self._intercepts = np.array([entry["intercepts"] for entry in entries], np.float64)
        count = len(entries)
        # Mapped, not read: all workers and ranks share the pages. An epoch takes 685 images a second from here, and
        # 61 where each photograph is decoded every epoch (docs/benchmarks/input.md).
        self._images = np.memmap(folder / IMAGES, self.dtype, "r", shape=(count, self.channels, *self.size))
        self.planes: int | None = index.get("planes")
        self.classes: tuple[str, ...] = tuple(index.get("classes", ()))
        grid = self.size if self.planes is None else (self.planes, *self.size)
        self._masks = np.memmap(folder / MASKS, np.uint8, "r", shape=(count, *grid))

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def all_images(self) -> np.ndarray:
        """All images as stored, (n, C, *size), a view of the file."""
        return self._images

    def images(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return a copy of images as stored, (n, C, *size)."""
        return np.asarray(self._images[np.asarray(indices)])

    def masks(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return a copy of masks, (n, *size) uint8, or (n, classes, *size) where these overlap."""
        return np.asarray(self._masks[np.asarray(indices)])

    def held_labels(self) -> frozenset[int]:
        """Return the labels but 0 that a mask holds on the working grid."""
        if self.planes is not None:
            return frozenset(label for label in range(1, self.planes + 1) if (self._masks[:, label - 1] == 1).any())
        found: set[int] = set()
        for start in range(0, len(self), MASKS_AT_ONCE):
            found |= {
                int(value) for value in np.flatnonzero(np.bincount(self._masks[start : start + MASKS_AT_ONCE].ravel()))
            }
        return frozenset(found - {0})

    def scale(self, indices: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return slopes and intercepts, each (n, C) float64: value = slope * stored + intercept."""
        chosen = np.asarray(indices)
        return self._slopes[chosen], self._intercepts[chosen]

    def channel_moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and deviation (C,) over all pixels, in float64; of uint8 the values are those in 0 to 1."""
        pixels = len(self) * int(np.prod(self.size))

        def total(shift: np.ndarray | None) -> np.ndarray:
            parts = []
            for start in range(0, len(self), CHUNK):
                values = self._values(np.arange(start, min(start + CHUNK, len(self))))
                parts.append((values if shift is None else (values - shift[:, None]) ** 2).sum(axis=(0, 2)))
            summed: np.ndarray = np.stack(parts).sum(axis=0)
            return summed

        mean = total(None) / pixels
        return mean, np.sqrt(total(mean) / pixels)

    def _values(self, indices: np.ndarray) -> np.ndarray:
        """Return values (n, C, pixels) float64."""
        stored = self.images(indices).reshape(len(indices), self.channels, -1).astype(np.float64)
        if self.dtype == np.uint8:
            return stored / 255
        slopes, intercepts = self.scale(indices)
        values: np.ndarray = stored * slopes[..., None] + intercepts[..., None]
        return values


def annotated_of(entry: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return which classes a case of an index was annotated for; None: all."""
    return None if entry.get("annotated") is None else tuple(entry["annotated"])


def open_store(
    reader: DatasetReader,
    dataset_name: str,
    cases: Sequence[Case],
    size: tuple[int, ...],
    *,
    folder: Path,
    workers: int,
    progress: Progress | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Store:
    """Open the store of `cases` at `size`, building it first where there is none or a damaged one.

    Processes that open the same store at once build it once. It is found again as long as dataset, reader version,
    settings, size, ids, groups, and each file's name, size and time are the same.

    Args:
        folder: where stores lie, usually cache_folder() / "stores".
        workers: threads that read and resample while it is built.
        progress: called with (done, total) after each case that is built.
        settings: what else `reader.read` depends on: the dataset's params, as TOML can hold them.

    Raises:
        SegkitError: a case cannot be read or is not one of the task, or the folder cannot be written.
    """
    key = store_key(reader, dataset_name, cases, list(size), settings)

    def build(building: Path) -> None:
        build_store(building, key, reader, dataset_name, cases, size, workers=workers, progress=progress)

    while True:
        place, index, was_built = find_or_build(folder, dataset_name, key, build)
        with suppress(FileNotFoundError):  # where another process has cleared the cache since, it is built again
            return Store(place, index, was_built=was_built)


def find_or_build(
    folder: Path, dataset_name: str, key: str, build: Callable[[Path], None]
) -> tuple[Path, dict[str, Any], bool]:
    """Find a store by its key, or let `build` fill a folder that becomes it; whole or not at all.

    Returns:
        The store's folder, its index, and whether it was built now.

    Raises:
        SegkitError: the folder cannot be written, or what `build` raises.
    """
    final = folder / f"{dataset_name.rpartition(':')[2]}-{key[:20]}"
    index = read_index(final, key)
    if index is not None:
        return final, index, False
    with writing(f"the store of dataset {dataset_name}", folder), locked(final):
        index = read_index(final, key)
        if index is not None:
            return final, index, False
        if final.exists():
            logger.warning("the store %s is damaged; it is built again", final.name)
        with new_folder(final) as building:
            build(building)
        index = read_index(final, key)
    if index is None:
        raise SegkitError(f"the store {final.name} was damaged while it was written", "check the disk it lies on")
    return final, index, True


def store_key(
    reader: DatasetReader,
    dataset_name: str,
    cases: Sequence[Case],
    grid: Any,
    settings: Mapping[str, Any] | None,
) -> str:
    """Return what a store of these cases is found by; raises SegkitError where a file is not there or there is no case.

    Args:
        grid: the working grid as JSON can hold it: a size, or the layout of volumes.
    """
    if not cases:
        raise SegkitError(f"dataset {dataset_name} has no cases to make a store of", "check the data root")
    return digest(
        {
            "format": FORMAT,
            "dataset": dataset_name,
            "reader": [getattr(reader, "reader_version", 0), reader_digest(reader)],
            "settings": dict(settings or {}),
            "size": grid,
            "cases": describe_cases(cases, dataset_name),
            **of_labels(reader.task, cases),
        }
    )


def of_labels(task: Task, cases: Sequence[Case]) -> dict[str, Any]:
    """Return what a store's key says of its labels; nothing of exclusive classes that every case is annotated for."""
    said: dict[str, Any] = {"overlapping": list(task.classes)} if task.overlapping else {}
    if any(case.annotated is not None for case in cases):
        said["classes"] = list(task.classes)
        said["annotated"] = [None if case.annotated is None else sorted(case.annotated) for case in cases]
    return said


def read_index(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the index of the store in `folder`, or None where there is no whole store with that key."""
    try:
        index = parse_json((folder / INDEX).read_text(encoding="utf-8"))
        body = index["body"]
        whole = index["sha256"] == digest(body) and body["key"] == key
        sizes_fit = all((folder / name).stat().st_size == length for name, length in body["bytes"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return body if whole and sizes_fit else None
