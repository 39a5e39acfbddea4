"""The toy plugin's volumes: two kinds of blocks, brighter than what is around them, in .npz files of varying shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import segkit

CLASSES = ("low", "high")


class Blocks:
    """int16 volumes of 5 to 8 slices, air at -1000, a body at 0, blocks at 150 and 400."""

    reader_version = 1
    task = segkit.Task(1, CLASSES, 3)
    recipe = {
        "components.loss": "bernoulli",
        "components.metrics": ("overlap", "miss"),
        "data.size": (16, 16),
        "data.normalization": "body",
        "train.epochs": 2,
        "train.batch_size": 4,
        "train.learning_rate": 0.05,
        "augment.flip": 0.5,
        "augment.warp": 0.5,
        "augment.rotation": 20,
        "augment.brightness": 0.1,
        "patches": {"data.size": (8, 16, 16), "augment.tilt": 10},
    }

    def __init__(self, root: Path, params: Any) -> None:
        self.root, self.params = root, params

    @classmethod
    def download(cls, root: Path, params: Any, progress: Any) -> None:
        raise segkit.SegkitError("blocks are never downloaded", "use the sample")

    @classmethod
    def make_sample(cls, root: Path, params: Any) -> None:
        generator = np.random.default_rng(0)
        for split, count in (("train", params.cases), ("val", 2)):
            (root / split).mkdir()
            for number in range(count):
                shape = (int(generator.integers(5, 9)), *(int(side) for side in generator.integers(14, 22, 2)))
                image = generator.normal(0, 20, shape)
                image[:, :2] = -1000
                mask = np.zeros(shape, np.uint8)
                for label, value in ((1, 150), (2, 400)):
                    front, top, left = (int(generator.integers(1, side - 5)) if side > 8 else 1 for side in shape)
                    place = (slice(front, front + 3), slice(top, top + 5), slice(left, left + 5))
                    mask[place], image[place] = label, value
                spacing = (4.0 if params.coarse else 1.0 + number % 2, 0.5, 0.5)
                file = root / split / f"{split}-{number}.npz"
                np.savez(file, image=image[None].astype(np.int16), mask=mask, spacing=spacing)

    def cases(self, split: str) -> list[segkit.Case]:
        files = sorted((self.root / split).glob("*.npz"))
        same = self.params.shared
        return [segkit.Case(file.stem, group="anna" if same else file.stem, files=(file,)) for file in files]

    def read(self, case: segkit.Case) -> segkit.Sample:
        with np.load(case.files[0]) as stored:
            image, mask, spacing = stored["image"], stored["mask"], tuple(stored["spacing"].tolist())
        return segkit.Sample(image, mask, spacing, np.diag([*spacing, 1.0]))

    def read_geometry(self, case: segkit.Case) -> tuple[tuple[int, ...], tuple[float, ...]]:
        sample = self.read(case)
        return sample.shape, sample.spacing

    def verify(self, progress: Any = None) -> list[segkit.Problem]:
        return []


def build_solid(task: segkit.Task, params: Any) -> Any:
    """Two convolutions in as many dimensions as the task has."""
    from torch import nn

    conv = nn.Conv2d if task.spatial_dims == 2 else nn.Conv3d
    return nn.Sequential(conv(task.in_channels, 4, 3, padding=1), nn.ReLU(), conv(4, task.out_channels, 3, padding=1))
