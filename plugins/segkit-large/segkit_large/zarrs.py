"""OME-Zarr images: folders of chunks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from segkit import UnusableFileError
from segkit.data.large_array import LargeArray
from segkit_large.opened import Opened, check_level

IN_MM = {"nanometer": 1e-6, "micrometer": 1e-3, "millimeter": 1.0, "centimeter": 10.0}


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group or array."""
    return path.is_dir() and any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zattrs", ".zarray"))


class ZarrArray(LargeArray):
    """A level of an OME-Zarr, (H, W) or (C, H, W).

    Attributes:
        channel: which axis has the channels; None where there is none.
        missing: "refuse" or "empty", as `LargeParams.missing_chunks` has it.
    """

    def __init__(self, path: Path, array: Any, axes: str, name: str, missing: str) -> None:
        self.path, self.array, self.axes, self.name, self.missing = path, array, axes, name, missing
        sizes = dict(zip(axes, array.shape, strict=True))
        size = (int(sizes["y"]), int(sizes["x"]))
        self.shape = (int(sizes["c"]), *size) if sizes.get("c", 1) > 1 else size
        self.dtype = np.dtype(array.dtype)
        chunk = int(array.chunks[axes.index("y")])
        self.band = max(chunk, min(256, size[0]) // chunk * chunk)

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle; raises UnusableFileError where a chunk is not there, or cannot be decoded."""
        key = tuple({"y": rows, "x": columns, "c": slice(None)}.get(axis, slice(0, 1)) for axis in self.axes)
        if self.missing == "refuse":
            self.check_chunks(key)
        try:
            values = np.asarray(self.array[key])
        except Exception as error:  # of any codec
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UnusableFileError(self.name, f"cannot be read ({reason})", "fetch it again") from error
        kept = [self.axes.index(axis) for axis in ("c", "y", "x") if axis in self.axes]
        others = [place for place in range(len(self.axes)) if place not in kept]
        plane = values.transpose(*others, *kept).reshape([values.shape[place] for place in kept])
        return plane if len(self.shape) == plane.ndim else plane[0]

    def check_chunks(self, key: tuple[slice, ...]) -> None:
        """Raise UnusableFileError where a chunk of a part has no file.

        A writer may leave out chunks of nothing but the fill value: a lost one looks the same.
        """
        ranges = [
            range((part.start or 0) // chunk, -(-(length if part.stop is None else part.stop) // chunk))
            for part, chunk, length in zip(key, stored_chunks(self.array), self.array.shape, strict=True)
        ]
        for place in product(*ranges):
            file = self.path / self.array.metadata.encode_chunk_key(place)
            if not file.is_file():
                raise UnusableFileError(
                    self.name,
                    f"lacks the chunk {file.relative_to(self.path)}",
                    "fetch it again; where it was left out as empty, say --set data.missing_chunks=empty",
                )


def stored_chunks(array: Any) -> tuple[int, ...]:
    """Return the shape of what lies in one file: a chunk, or a shard of them."""
    return tuple(int(side) for side in (getattr(array, "shards", None) or array.chunks))


def open_zarr(path: Path, name: str, level: int = 0, missing: str = "refuse") -> Opened:
    """Open an OME-Zarr image (versions 0.4 and 0.5) or a plain array (Y, X) or (C, Y, X); no chunk is read.

    Raises:
        UnusableFileError: it is damaged, has several planes or time points, or no such level.
    """
    import zarr

    try:
        found: Any = zarr.open(str(path), mode="r")
        if not hasattr(found, "members"):
            axes = {2: "yx", 3: "cyx"}.get(found.ndim)
            if axes is None:
                raise UnusableFileError(name, f"is an array of {found.ndim} axes", "give an OME-Zarr image")
            check_level(level, 1, name)
            return Opened(ZarrArray(path, found, axes, name, missing))
        attributes: Any = dict(found.attrs)
        told: Any = attributes.get("ome", attributes)["multiscales"][0]
        check_level(level, len(told["datasets"]), name)
        dataset = told["datasets"][level]
        axes = axes_of(told)
        array: Any = found[dataset["path"]]
        sides = zip(axes, array.shape, strict=True)
        more = [f"{side} along {axis}" for axis, side in sides if axis not in "cyx" and side > 1]
        if more:
            raise UnusableFileError(name, f"has more than one plane ({', '.join(more)})", "save the one that is meant")
        return Opened(ZarrArray(path / dataset["path"], array, axes, name, missing), spacing_of(told, dataset, axes))
    except UnusableFileError:
        raise
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, StopIteration) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UnusableFileError(name, f"is no OME-Zarr image ({reason})", "fetch it again, or write it anew") from error


def axes_of(told: Mapping[str, Any]) -> str:
    """Return the names of an image's axes, in their order."""
    axes = [axis["name"] if isinstance(axis, Mapping) else str(axis) for axis in told.get("axes", "tczyx")]
    if not {"y", "x"} <= set(axes) or not all(len(axis) == 1 for axis in axes):
        raise ValueError(f"axes {axes}")
    return "".join(axes)


def spacing_of(told: Mapping[str, Any], dataset: Mapping[str, Any], axes: str) -> tuple[float, float] | None:
    """Return mm per pixel of a level along rows and columns; None where the file does not say it."""
    scales = [*dataset.get("coordinateTransformations", ()), *told.get("coordinateTransformations", ())]
    units = [IN_MM.get(axis.get("unit", "")) if isinstance(axis, Mapping) else None for axis in told.get("axes", ())]
    lengths = []
    for axis in "yx":
        place = axes.index(axis)
        unit = units[place] if place < len(units) else None
        if unit is None:
            return None
        length = unit
        for one in scales:
            length *= float(one["scale"][place]) if one.get("type") == "scale" else 1.0
        lengths.append(length)
    return (lengths[0], lengths[1]) if all(0 < length < float("inf") for length in lengths) else None
