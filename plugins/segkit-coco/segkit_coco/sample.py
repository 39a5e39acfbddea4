"""Write the generated sample: photographs of cells under a microscope, outlined as COCO and as YOLO files have it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import segkit
from segkit_coco.polygons import fill

HEIGHT, WIDTH = 96, 128
CASES = {"train": 32, "val": 6, "test": 12}
CLASSES = ("cell", "debris")
COLOURS = np.array([[150, 90, 170], [90, 70, 60]])
README = """GENERATED SAMPLE, not photographs of patients.

Written by segkit-coco {version} with split_seed {seed}, so that segkit can be tried without downloading anything.
Scores on it say nothing about any patient.
"""


@dataclass(frozen=True)
class Cell:
    """One outlined region.

    Attributes:
        label: 1 for a cell, 2 for debris.
        points: (n, 2) x and y in pixels, with two decimals.
    """

    label: int
    points: np.ndarray


def draw(rng: np.random.Generator) -> tuple[np.ndarray, list[Cell]]:
    """Draw one photograph (H, W, 3) uint8 and its regions, which keep clear of each other."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    light = 1 - 0.15 * np.hypot(y / HEIGHT - rng.uniform(0.3, 0.7), x / WIDTH - rng.uniform(0.3, 0.7))
    picture = np.array([232, 214, 226]) * light[..., None]
    taken: list[tuple[np.ndarray, float]] = []
    cells = []
    for _ in range(40):
        label = 1 if rng.random() < 0.7 else 2
        radius = rng.uniform(8, 15) if label == 1 else rng.uniform(4, 7)
        centre = rng.uniform((4, 4), (WIDTH - 4, HEIGHT - 4))
        if any(np.hypot(*(centre - other)) < 1.3 * (radius + its) for other, its in taken):
            continue
        taken.append((centre, radius))
        cells.append(Cell(label, outline(rng, centre, radius, round=label == 1)))
        patch = fill(cells[-1].points, (HEIGHT, WIDTH))
        colour = COLOURS[label - 1] * rng.uniform(0.85, 1.15, 3) * light[patch.window][..., None]
        picture[patch.window] = np.where(patch.inside[..., None], colour, picture[patch.window])
    noisy = picture + rng.normal(0, 7, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), cells


def outline(rng: np.random.Generator, centre: np.ndarray, radius: float, *, round: bool) -> np.ndarray:
    """Draw a blob, or something with corners, that stays within the image."""
    angles = np.linspace(0, 2 * np.pi, 24 if round else 6, endpoint=False) + rng.uniform(0, np.pi)
    distances = radius * (1 + rng.uniform(-0.06 if round else -0.4, 0.06, len(angles)))
    points = centre + distances[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    inside: np.ndarray = np.clip(points, 0, (WIDTH, HEIGHT)).round(2)
    return inside


def pictures(root: Path, seed: int, folder: str) -> Iterator[tuple[str, str, list[Cell]]]:
    """Write the photographs and yield split, name and regions of each; equal seeds write equal files."""
    (root / "README.txt").write_text(README.format(version=segkit.__version__, seed=seed))
    for number, (split, count) in enumerate(CASES.items()):
        place = root / folder.format(split=split)
        place.mkdir(parents=True)
        for index in range(count):
            picture, cells = draw(np.random.default_rng((seed, number, index)))
            name = f"{split}-{index:03}.png"
            encoded = io.BytesIO()
            Image.fromarray(picture).save(encoded, "PNG")
            (place / name).write_bytes(encoded.getvalue())
            yield split, name, cells


def write_coco(root: Path, seed: int) -> None:
    """Write COCO's own folders: train, val and test, and annotations/instances_train.json and so on."""
    contents = {split: coco_object() for split in CASES}
    for split, name, cells in pictures(root, seed, "{split}"):
        content = contents[split]
        image = len(content["images"]) + 1
        content["images"].append({"id": image, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for cell in cells:
            (left, top), (right, bottom) = cell.points.min(axis=0), cell.points.max(axis=0)
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image,
                    "category_id": cell.label,
                    "iscrowd": 0,
                    "area": fill(cell.points, (HEIGHT, WIDTH)).area,
                    "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
                    "segmentation": [cell.points.ravel().tolist()],
                }
            )
    (root / "annotations").mkdir()
    for split, content in contents.items():
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


def coco_object() -> dict[str, list[dict[str, object]]]:
    """A COCO instance file without images yet."""
    categories: list[dict[str, object]] = [{"id": id, "name": name} for id, name in enumerate(CLASSES, 1)]
    return {"images": [], "annotations": [], "categories": categories}


def write_yolo(root: Path, seed: int) -> None:
    """Write images/train, labels/train and so on, and data.yaml."""
    for split, name, cells in pictures(root, seed, "images/{split}"):
        lines = []
        for cell in cells:
            shares = (cell.points / (WIDTH, HEIGHT)).ravel()
            lines.append(" ".join([str(cell.label - 1), *(f"{share:.6f}" for share in shares)]) + "\n")
        label = root / "labels" / split / f"{Path(name).stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("".join(lines))
    places = "".join(f"{split}: images/{split}\n" for split in CASES)
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(CLASSES))
    (root / "data.yaml").write_text(f"{places}names:\n{names}")
