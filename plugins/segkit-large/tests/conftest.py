"""Small files of every kind that is read in parts, and readers of folders of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from segkit_large.params import LargeParams
from segkit_large.reader import LargeReader

SHAPE = (150, 220)


def colours(shape: tuple[int, int] = SHAPE, seed: int = 0) -> np.ndarray:
    """Random smooth colours (H, W, 3) uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (-(-shape[0] // 10), -(-shape[1] // 10), 3))
    return np.kron(coarse, np.ones((10, 10, 1)))[: shape[0], : shape[1]].astype(np.uint8)


def square(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A mask with a square."""
    mask = np.zeros(shape, np.uint8)
    mask[20:60, 30:90] = 1
    return mask


def ring(*corners: tuple[float, float]) -> list[list[float]]:
    """A closed ring of corners (x, y)."""
    return [list(corner) for corner in (*corners, corners[0])]


def feature(*rings: list[list[float]], name: str | None = "tumour", kind: str = "Polygon") -> dict[str, Any]:
    """A feature as QuPath writes it."""
    properties = {} if name is None else {"classification": {"name": name}}
    coordinates: Any = list(rings) if kind == "Polygon" else rings[0]
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def collection(*features: dict[str, Any]) -> str:
    """A GeoJSON file's text."""
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


@pytest.fixture
def drawn() -> SimpleNamespace:
    """What tests draw with: colours, square, ring, feature, collection."""
    return SimpleNamespace(colours=colours, square=square, ring=ring, feature=feature, collection=collection)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty data root."""
    (tmp_path / "root" / "images").mkdir(parents=True)
    (tmp_path / "root" / "masks").mkdir()
    return tmp_path / "root"


@pytest.fixture
def pair(root: Path) -> Callable[..., None]:
    """Write an image and its mask: `pair("a", mask=square())`, or `pair("a", shapes=text)`."""

    def write(
        name: str, *, image: Any = None, mask: Any = None, shapes: str | None = None, resolution: float | None = None
    ) -> None:
        def options(length: float | None) -> dict[str, Any]:
            said = {} if length is None else {"resolution": (1e4 / length,) * 2, "resolutionunit": "CENTIMETER"}
            return {"tile": (64, 64), "metadata": None, **said}

        lengths = resolution if isinstance(resolution, tuple) else (resolution, resolution)
        pixels = colours(seed=sum(name.encode())) if image is None else image
        tifffile.imwrite(root / "images" / f"{name}.tif", pixels, photometric="rgb", **options(lengths[0]))
        if shapes is not None:
            (root / "masks" / f"{name}.geojson").write_text(shapes)
        else:
            tifffile.imwrite(root / "masks" / f"{name}.tif", square() if mask is None else mask, **options(lengths[1]))

    return write


def write_slide(path: Path, pixels: np.ndarray, micrometres: float | None = 0.25) -> None:
    """Write a slide as Aperio's scanners do: tiles of JPEG, a thumbnail, and a level of every fourth pixel."""
    height, width = pixels.shape[:2]
    said = f"Aperio Image Library v12.0.15\r\n{width}x{height} (256x256) JPEG/RGB Q=95|AppMag = 40"
    said += "" if micrometres is None else f"|MPP = {micrometres}"
    form: dict[str, Any] = {"photometric": "rgb", "compression": "jpeg", "metadata": None}
    form["compressionargs"] = {"level": 95}
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels, tile=(256, 256), description=said, **form)
        writer.write(np.ascontiguousarray(pixels[::16, ::16]), rowsperstrip=16, description="Aperio thumbnail", **form)
        writer.write(np.ascontiguousarray(pixels[::4, ::4]), tile=(256, 256), description="Aperio level", **form)


@pytest.fixture
def slide() -> Callable[..., None]:
    """Write a slide: `slide(path, pixels)`."""
    pytest.importorskip("openslide")
    return write_slide


@pytest.fixture
def opened(root: Path) -> Callable[..., LargeReader]:
    """Open the root with params: `opened(val=0, test=0)`."""

    def read(**params: Any) -> LargeReader:
        return LargeReader(root, LargeParams(**{"val": 0.0, "test": 0.0, **params}))

    return read
