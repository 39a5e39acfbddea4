"""Maps that losses ask for, made once per case from its mask on the working grid and kept beside the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segkit.data.prefetch import prefetch
from segkit.data.store import Store, find_or_build
from segkit.data.store_build import INDEX, digest
from segkit.data.volume_store import VolumeStore
from segkit.errors import SegkitError

MAPS = "maps.bin"


@dataclass(frozen=True)
class MapMaker:
    """What makes a loss's map of a case.

    Attributes:
        name: the loss's full name.
        identity: what its maps depend on besides the masks: version and params, as JSON can hold them.
        function: (mask (*S) uint8, spacing) -> (M, *S) numbers.
    """

    name: str
    identity: Any
    function: Callable[[np.ndarray, tuple[float, ...] | None], Any]

    def make(self, mask: np.ndarray, spacing: tuple[float, ...] | None, grid: tuple[int, ...]) -> np.ndarray:
        """Return the map, float16; raises SegkitError where it is none of finite numbers on the grid S."""
        made = np.asarray(self.function(mask, spacing))
        if made.ndim != len(grid) + 1 or made.shape[1:] != tuple(grid) or made.dtype.kind not in "fiub":
            raise SegkitError(
                f"loss {self.name} made a map {made.dtype} {made.shape} on the grid {tuple(grid)}, not (M, *S)",
                "report it to its author",
            )
        stored: np.ndarray = made.astype(np.float16)
        if not np.isfinite(stored).all():
            raise SegkitError(
                f"loss {self.name} made a map with values that half precision does not hold", "report it to its author"
            )
        return stored


class CaseMaps:
    """The maps of a store's cases, read from a memory-mapped file."""

    def __init__(self, folder: Path, index: Mapping[str, Any]) -> None:
        self._shapes = [tuple(entry["shape"]) for entry in index["cases"]]
        lengths = [int(np.prod(shape)) for shape in self._shapes]
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).tolist()
        self._values = np.memmap(folder / MAPS, np.float16, "r")

    def of(self, case: int) -> np.ndarray:
        """Return a case's map (M, *S), a view of the file."""
        start, stop = self._starts[case : case + 2]
        return self._values[start:stop].reshape(self._shapes[case])


def open_case_maps(
    store: Store | VolumeStore, maker: MapMaker, dataset_name: str, folder: Path, workers: int
) -> CaseMaps:
    """Open the maps of a store's cases, making them first where there are none.

    Raises:
        SegkitError: the loss made something else than a map, or the folder cannot be written.
    """
    key = digest({"store": store.key, "maps": [maker.name, maker.identity]})

    def make(case: int) -> np.ndarray:
        if store.volumes:
            found = store.cases[case]
            return maker.make(np.array(store.mask(case)), found.working_spacing, found.size)
        return maker.make(store.masks([case])[0], None, store.size)

    def build(building: Path) -> None:
        shapes: list[Sequence[int]] = []
        with (building / MAPS).open("wb") as stream, closing(prefetch(make, range(len(store)), workers)) as made:
            for one in made:
                stream.write(one.tobytes())
                shapes.append(one.shape)
        body = {
            "key": key,
            "dataset": f"{dataset_name} (maps of {maker.name})",
            "size": [],
            "bytes": {MAPS: (building / MAPS).stat().st_size},
            "cases": [{"shape": list(shape)} for shape in shapes],
        }
        text = json.dumps({"sha256": digest(body), "body": body}, sort_keys=True)
        (building / INDEX).write_text(text, encoding="utf-8")

    place, index, _ = find_or_build(folder, f"{dataset_name}-maps", key, build)
    return CaseMaps(place, index)
