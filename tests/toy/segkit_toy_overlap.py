"""A toy plugin of overlapping classes, nested and crossing, in photographs and volumes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import segkit

CLASSES = ("whole", "core", "stripe")
LOOKED_FOR = ("whole", "stripe")


@dataclass(frozen=True)
class NestedParams:
    exclusive: bool = segkit.param(False, "A label map of the classes, the later over the earlier.")
    partial: bool = segkit.param(False, "Every other case is annotated for whole and stripe alone.")


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    volumes = {"slices": 2, "slab": 2, "patches": 3}
    return [
        segkit.Dataset(
            name="nested", factory="segkit_toy_overlap:Nested", summary="Discs and stripes.", params=NestedParams
        ),
        segkit.Dataset(
            name="shells",
            factory="segkit_toy_overlap:Shells",
            summary="Balls and slabs.",
            params=NestedParams,
            modes=volumes,
        ),
    ]


@segkit.hookimpl
def segkit_losses() -> list[segkit.Loss]:
    factory = "segkit_toy_overlap:yes_or_no"
    return [segkit.Loss(name="yes-or-no", factory=factory, summary="Cross entropy of each.", overlapping=True)]


@segkit.hookimpl
def segkit_metrics() -> list[segkit.Metric]:
    common: dict[str, Any] = {"measure": "segkit_toy:measure", "factory": "segkit_toy_overlap:dice"}
    return [segkit.Metric(name="share", summary="2 TP / (R + P).", overlapping=True, poolable=True, **common)]


@segkit.hookimpl
def segkit_explainers() -> list[segkit.Explainer]:
    factory = "segkit_toy_overlap:build_glow"
    return [segkit.Explainer(name="shine", factory=factory, summary="Gradient glow.", overlapping=True)]


def build_glow(params: Any) -> Any:
    import segkit_toy

    return segkit_toy.build_glow(segkit_toy.GlowParams())


class Nested:
    """Bright discs, a brighter core in each, and a stripe across."""

    reader_version = 1
    dims = 2
    recipe = {
        "data.size": (24, 24),
        "components.loss": "yes-or-no",
        "components.metrics": ("share",),
        "train.epochs": 2,
        "train.batch_size": 4,
        "train.learning_rate": 0.05,
        "augment.flip": 0.5,
        "augment.warp": 0.5,
        "augment.rotation": 20,
    }

    def __init__(self, root: Path, params: Any) -> None:
        self.root, self.params = root, params
        self.task = segkit.Task(2, CLASSES, self.dims, overlapping=not params.exclusive)

    @classmethod
    def download(cls, root: Path, params: Any, progress: Any) -> None:
        raise segkit.SegkitError("nested are never downloaded", "use the sample")

    @classmethod
    def make_sample(cls, root: Path, params: Any) -> None:
        generator = np.random.default_rng(0)
        for split, count in (("train", 6), ("val", 3), ("test", 3)):
            (root / split).mkdir(parents=True)
            for number in range(count):
                shape = tuple(int(side) for side in generator.integers(24, 34, cls.dims))
                shape = shape if cls.dims == 2 else (int(generator.integers(7, 10)), *shape[1:])
                masks = cls.draw(shape, generator)
                value = np.stack([70 * masks[0] + 80 * masks[1], 150 * masks[2]]) + generator.integers(
                    0, 30, (2, *shape)
                )
                np.savez(root / split / f"{split}-{number}.npz", image=value.astype(np.uint8), masks=masks)

    @staticmethod
    def draw(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"))
        centre = np.array(shape)[:, *[None] * len(shape)] / 2 + generator.uniform(-2, 2)
        away = np.sqrt((((places - centre) * (20 / np.array(shape)[:, *[None] * len(shape)])) ** 2).sum(axis=0))
        stripe = abs(places[-1] - generator.integers(8, 16)) < 3
        return np.stack([away < 8, away < 5, stripe]).astype(np.uint8)

    def cases(self, split: str) -> list[segkit.Case]:
        files = sorted((self.root / split).glob("*.npz"))
        return [
            segkit.Case(
                file.stem, files=(file,), annotated=("whole", "stripe") if self.params.partial and odd % 2 else None
            )
            for odd, file in enumerate(files)
        ]

    def read(self, case: segkit.Case) -> segkit.Sample:
        with np.load(case.files[0]) as stored:
            image, masks = stored["image"], stored["masks"]
        if case.annotated is not None:
            masks = masks.copy()
            masks[1] = 0
        if self.params.exclusive:
            labels = np.zeros(image.shape[1:], np.uint8)
            for label, plane in enumerate(masks, start=1):
                labels[plane == 1] = label
            masks = labels
        spacing = None if self.dims == 2 else (2.0, 1.0, 1.0)
        return segkit.Sample(image, masks, spacing, None if spacing is None else np.diag([*spacing, 1.0]))

    def verify(self, progress: Any = None) -> list[segkit.Problem]:
        return []


class Shells(Nested):
    """The same in volumes."""

    dims = 3
    recipe = {**Nested.recipe, "data.size": (16, 16), "patches": {"data.size": (8, 16, 16)}}


def yes_or_no(task: segkit.Task, params: Any) -> Any:
    from torch.nn import functional

    def loss(logits: Any, mask: Any) -> Any:
        if not task.overlapping:
            values = functional.cross_entropy(logits, mask, ignore_index=segkit.IGNORE, reduction="none")
            return values.flatten(1).sum(1) / (mask != segkit.IGNORE).flatten(1).sum(1).clamp_min(1)
        valid = (mask != segkit.IGNORE).float()
        values = functional.binary_cross_entropy_with_logits(logits, (mask == 1).float(), reduction="none") * valid
        return values.flatten(1).sum(1) / valid.flatten(1).sum(1).clamp_min(1)

    return loss


def dice(task: segkit.Task, params: Any) -> Any:
    def score(measurement: segkit.Measurement) -> Any:
        total = measurement.reference + measurement.predicted
        return np.where(total == 0, np.nan, 2 * measurement.true_positive / np.maximum(total, 1))

    return score
