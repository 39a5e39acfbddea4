"""A small generated dataset: cells of two kinds on tissue, as tiled TIFFs with polygons as QuPath writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from segkit_coco.polygons import fill

CASES, SIDE = 9, 768
MICROMETRES = 0.5
KINDS = {"tumour": (150, 60, 120), "immune cell": (60, 60, 150)}


def make_sample(root: Path) -> None:
    """Write images and annotations."""
    random = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for case in range(CASES):
        height, width = SIDE, SIDE + 32 * case
        image = random.normal((225, 190, 210), 12, (height, width, 3))
        features: list[dict[str, Any]] = []
        taken = np.zeros((height, width), bool)
        for number in range(40):
            kind = list(KINDS)[number % 2]
            points = outline(random, (width, height), 22 if number % 2 == 0 else 9)
            patch = fill(points, (height, width))
            if not patch.area or taken[patch.window][patch.inside].any():
                continue
            taken[patch.window] |= patch.inside
            image[patch.window][patch.inside] = random.normal(KINDS[kind], 14, (patch.area, 3))
            features.append(feature(points, kind))
        path = root / "images" / f"slide-{case}.tif"
        tifffile.imwrite(
            path,
            np.clip(image, 0, 255).astype(np.uint8),
            tile=(256, 256),
            compression="zlib",
            photometric="rgb",
            resolution=(1e4 / MICROMETRES, 1e4 / MICROMETRES),
            resolutionunit="CENTIMETER",
            metadata=None,
        )
        text = json.dumps({"type": "FeatureCollection", "features": features}, indent=1)
        (root / "masks" / f"slide-{case}.geojson").write_text(text, encoding="utf-8")


def outline(random: np.random.Generator, size: tuple[int, int], radius: float) -> np.ndarray:
    """Return the corners of a blob somewhere inside, (n, 2) x and y to a hundredth of a pixel."""
    middle = random.uniform(2 * radius, np.array(size) - 2 * radius)
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    lengths = radius * random.uniform(0.8, 1.2, 16)
    corners: np.ndarray = middle + lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return corners.round(2)


def feature(points: np.ndarray, kind: str) -> dict[str, Any]:
    """Return a polygon as QuPath exports it."""
    ring = points.tolist()
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        "properties": {"objectType": "annotation", "classification": {"name": kind, "color": list(KINDS[kind])}},
    }
