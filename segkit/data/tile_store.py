"""The decode-once, memory-mapped copy of images that are shown tile by tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.large_array import LargeArray
from segkit.data.resolution import Resolution
from segkit.data.store import Progress, find_or_build, store_key
from segkit.data.store_build import IMAGES, MASKS
from segkit.data.tile_build import FOREGROUND, FORMAT, build_tile_store
from segkit.data.tiles import BLOCK, BlockedArray, ScaledArray, block_counts
from segkit.data.volume_layout import VolumeLayout
from segkit.data.volume_store import VolumeStore, mapped


class TileStore(VolumeStore):
    """Images and masks of a split at working resolution, of which parts are shown; nothing is read but what is shown.

    Attributes:
        volumes: True, as its samples are parts of its images.
        dtype: uint8, or int16 with `scale`.
        resolution: the working grids.
        cases: shapes, sizes and spacings are (H, W).
    """

    def __init__(self, folder: Path, index: Mapping[str, Any], *, was_built: bool) -> None:
        self.resolution = Resolution.from_dict(index["size"]["tiles"])
        self.dtype = np.dtype(index["dtype"])
        super().__init__(folder, index, was_built=was_built)

    def _map(self, folder: Path, index: Mapping[str, Any]) -> None:
        self.layout = VolumeLayout()
        blocks = np.array([np.prod(block_counts(case.size)) for case in self.cases], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(blocks)])
        self._images = mapped(folder / IMAGES, self.dtype).reshape(-1, self.channels, BLOCK, BLOCK)
        self._masks = mapped(folder / MASKS, np.uint8).reshape(-1, self.planes or 1, BLOCK, BLOCK)
        self._foreground = mapped(folder / FOREGROUND, np.int64)
        self._samples = np.empty((0, self.channels), np.float32)

    def image(self, index: int) -> LargeArray:  # type: ignore[override]
        """Return an image as stored, (C, *size), a view of the file."""
        return BlockedArray(self._blocks(self._images, index), (self.channels, *self.cases[index].size))

    def mask(self, index: int) -> LargeArray:  # type: ignore[override]
        """Return a mask, (*size) uint8, or (classes, *size) where these overlap, a view of the file."""
        size = self.cases[index].size
        return BlockedArray(self._blocks(self._masks, index), size if self.planes is None else (self.planes, *size))

    def values(self, index: int) -> LargeArray:  # type: ignore[override]
        """Return an image's values (C, *size): uint8 as they are, others as float32."""
        stored = self.image(index)
        return stored if self.dtype == np.uint8 else ScaledArray(stored, *self.scale(index))

    def _blocks(self, stored: np.ndarray, index: int) -> np.ndarray:
        start, stop = (int(bound) for bound in self._starts[index : index + 2])
        return stored[start:stop].reshape(*block_counts(self.cases[index].size), *stored.shape[1:])


def open_tile_store(
    reader: DatasetReader,
    dataset_name: str,
    cases: Sequence[Case],
    resolution: Resolution,
    *,
    folder: Path,
    workers: int,
    progress: Progress | None = None,
    settings: Mapping[str, Any] | None = None,
) -> TileStore:
    """Open the store of images at a resolution, building it first where there is none or a damaged one.

    Args and Raises: as `segkit.data.store.open_store`.
    """
    grid = {"format": FORMAT, "tiles": resolution.to_dict()}
    key = store_key(reader, dataset_name, cases, grid, settings)

    def build(building: Path) -> None:
        build_tile_store(building, key, reader, dataset_name, cases, resolution, workers=workers, progress=progress)

    while True:
        place, index, was_built = find_or_build(folder, dataset_name, key, build)
        with suppress(FileNotFoundError):  # where another process has cleared the cache since, it is built again
            return TileStore(place, index, was_built=was_built)
