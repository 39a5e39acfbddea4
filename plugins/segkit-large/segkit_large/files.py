"""Which files are images larger than memory, and how each is opened."""

from __future__ import annotations

from pathlib import Path

from segkit import UnusableFileError
from segkit_large.opened import Opened
from segkit_large.slides import SLIDES, open_slide
from segkit_large.tiff import open_tiff
from segkit_large.zarrs import is_zarr, open_zarr

TIFFS = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".btf", ".tf8", ".tf2")
ZARRS = (".ome.zarr", ".zarr")
SHAPES = (".geojson", ".json")
IMAGES = (*TIFFS, *ZARRS, *SLIDES)


def open_any(path: Path, name: str, level: int = 0, missing: str = "refuse", *, labels: bool = False) -> Opened:
    """Open an image or a mask by what its name ends in; raises UnusableFileError."""
    if path.is_dir():
        if not is_zarr(path):
            raise UnusableFileError(name, "is a folder and no Zarr", "give an image")
        return open_zarr(path, name, level, missing)
    if path.name.lower().endswith(SLIDES) and not labels:
        return open_slide(path, name, level)
    return open_tiff(path, name, level, labels=labels)


def stem_of(name: str, endings: tuple[str, ...] = IMAGES) -> str | None:
    """Return a name without the ending, None where it has none of them."""
    ending = next((ending for ending in endings if name.lower().endswith(ending)), None)
    return name[: -len(ending)] or None if ending else None
