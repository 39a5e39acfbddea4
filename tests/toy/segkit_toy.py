"""A whole plugin in one file, for tests of the core: squares on noise, one convolution."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import segkit


@dataclass(frozen=True)
class DataParams:
    cases: int = segkit.param(6, "Training cases of the sample.", min=1, max=20_000)
    test: bool = segkit.param(True, "Whether there is a test split.")
    val: bool = segkit.param(True, "Whether there is a validation split.")
    classes: int = segkit.param(1, "Foreground classes.", min=1, max=3)


@dataclass(frozen=True)
class BlockParams:
    cases: int = segkit.param(4, "Training cases of the sample.", min=1)
    coarse: bool = segkit.param(False, "Whether slices are eight times as thick as pixels are wide.")
    shared: bool = segkit.param(False, "Whether a patient is in two splits.")


@dataclass(frozen=True)
class NetParams:
    width: int = segkit.param(4, "Channels.", min=1, max=64)
    centred: bool = segkit.param(False, "Start with weights that expect images around zero.")


@dataclass(frozen=True)
class ScoreParams:
    preset: Literal["ten"] | None = segkit.param(None, "A convention that decides the offset where nobody says it.")
    offset: float | None = segkit.param(None, "Added to every score. None: as the preset says, 0 without one.")

    def __post_init__(self) -> None:
        if self.offset is None:
            object.__setattr__(self, "offset", 10.0 if self.preset == "ten" else 0.0)


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    return [
        segkit.Dataset(
            name="squares",
            factory="segkit_toy:Squares",
            summary="Squares.",
            params=DataParams,
            configs={"quick": "segkit_toy_configs:quick.toml"},
        ),
        segkit.Dataset(
            name="blocks",
            factory="segkit_toy_volumes:Blocks",
            summary="Blocks in noise.",
            params=BlockParams,
            modes={"slices": 2, "slab": 2, "patches": 3},
        ),
        segkit.Dataset(name="cubes", factory="segkit_toy:Squares", summary="3D only.", modes={"patches": 3}),
    ]


@segkit.hookimpl
def segkit_architectures() -> list[segkit.Architecture]:
    return [
        segkit.Architecture(
            name="net",
            factory="segkit_toy:build_net",
            summary="Two convolutions.",
            params=NetParams,
            settings="segkit_toy:settings_of_net",
            defaults={2: {"train.learning_rate": 0.05, "arch.width": 6}},
        ),
        segkit.Architecture(
            name="solid", factory="segkit_toy_volumes:build_solid", summary="In 2D and 3D.", spatial_dims=(2, 3)
        ),
        segkit.Architecture(name="no-module", factory="segkit_toy:build_nothing", summary="Builds no module."),
        segkit.Architecture(name="supervised", factory="segkit_toy:build_supervised", summary="Several outputs."),
    ]


@dataclass(frozen=True)
class GlowParams:
    power: float = segkit.param(1.0, "Exponent of the activation.", min=1, max=4)


@segkit.hookimpl
def segkit_explainers() -> list[segkit.Explainer]:
    return [segkit.Explainer(name="glow", factory="segkit_toy:build_glow", summary="Gradient glow.", params=GlowParams)]


def build_glow(params: Any) -> Any:
    def explain(model: Any, x: Any, layer: str, target: Any) -> Any:
        from segkit.explain import tap

        tapped = tap(model, x, layer)
        return (tapped.gradient(target) * tapped.activation.detach() ** params.power).sum(dim=1), target.status

    return explain


@segkit.hookimpl
def segkit_losses() -> list[segkit.Loss]:
    return [
        segkit.Loss(name="bernoulli", factory="segkit_toy:make_loss", summary="Cross entropy.", soft=True),
        segkit.Loss(name="wide", factory="segkit_toy:make_wide", summary="Over the batch.", scope="batch"),
        segkit.Loss(name="nan", factory="segkit_toy:make_nan", summary="Never a number."),
    ]


@segkit.hookimpl
def segkit_metrics() -> list[segkit.Metric]:
    common: dict[str, Any] = {"measure": "segkit_toy:measure", "params": ScoreParams}
    return [
        segkit.Metric(name="overlap", factory="segkit_toy:make_overlap", summary="2 TP / (R + P).", **common),
        segkit.Metric(name="miss", factory="segkit_toy:make_miss", summary="FN / R.", higher_is_better=False, **common),
    ]


def settings_of_net(task: segkit.Task, params: NetParams) -> dict[str, Any]:
    """What centred weights expect."""
    mean = [0.5] * task.in_channels
    return (
        {"data.normalization": "fixed", "data.mean": mean, "data.std": [0.25] * task.in_channels}
        if params.centred
        else {}
    )


class Squares:
    """Squares brighter than noise, one per class and image, in .npy files."""

    reader_version = 1
    recipe = {
        "data.size": (24, 32),
        "components.loss": "bernoulli",
        "components.metrics": ("overlap", "miss"),
        "train.epochs": 3,
        "train.batch_size": 4,
        "augment.flip": 0.5,
        "augment.warp": 0.5,
        "augment.rotation": 20,
    }

    def __init__(self, root: Path, params: Any) -> None:
        self.root = root
        self.params = params
        if not (root / "train").is_dir():
            raise segkit.SegkitError(f"{root.name} has no folder train", "give the root of a squares dataset")
        self.task = segkit.Task(3, tuple(f"class-{n}" for n in range(1, params.classes + 1)))

    @classmethod
    def download(cls, root: Path, params: Any, progress: Any) -> None:
        raise segkit.SegkitError("squares are never downloaded", "use the sample")

    @classmethod
    def make_sample(cls, root: Path, params: Any) -> None:
        import numpy as np

        generator = np.random.default_rng(0)
        for split, count in (("train", params.cases), ("val", 3 * params.val), ("test", 3 * params.test)):
            (root / split).mkdir(parents=True)
            for number in range(count):
                height, width = (int(side) for side in generator.integers(30, 50, 2))
                image = generator.integers(0, 90, (3, height, width), dtype=np.uint8)
                mask = np.zeros((height, width), np.uint8)
                for label in range(1, params.classes + 1):
                    top, left = (int(side) for side in generator.integers(1, 15, 2))
                    mask[top : top + 12, left : left + 12] = label
                    image[label - 1, top : top + 12, left : left + 12] += 140
                np.save(root / split / f"{split}-{number}.npy", np.concatenate([image, mask[None]]))
        (root / "made.json").write_text(json.dumps({"cases": params.cases}))

    def cases(self, split: str) -> list[segkit.Case]:
        files = sorted((self.root / split).glob("*.npy"))
        return [segkit.Case(file.stem, group=f"patient of {file.stem}", files=(file,)) for file in files]

    def read(self, case: segkit.Case) -> segkit.Sample:
        import numpy as np

        try:
            stacked = np.load(case.files[0])
        except (OSError, ValueError) as error:
            raise segkit.SegkitError(f"{case.files[0].name} cannot be read: {error}", "copy it again") from None
        return segkit.Sample(stacked[:3], stacked[3])

    def verify(self, progress: Any = None) -> list[segkit.Problem]:
        return []


def build_net(task: segkit.Task, params: Any) -> Any:
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(task.in_channels, params.width, 3, padding=1),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Conv2d(params.width, task.out_channels, 1),
    )


def build_nothing(task: segkit.Task, params: Any) -> Any:
    return "not a module"


def build_supervised(task: segkit.Task, params: Any) -> Any:
    import torch
    from torch import nn

    class Supervised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = build_net(task, NetParams())

        def forward(self, x: torch.Tensor) -> Any:
            logits = self.net(x)
            if not self.training:
                return logits
            return segkit.Outputs([logits, nn.functional.avg_pool2d(logits, 4)], (1.0, 0.5))

    return Supervised()


def make_loss(task: segkit.Task, params: Any) -> Any:
    from torch.nn import functional

    def loss(logits: Any, mask: Any) -> Any:
        import torch

        full = logits if task.out_channels > 1 else torch.cat([torch.zeros_like(logits), logits], dim=1)
        if mask.is_floating_point():
            valid = mask[:, 0] != segkit.IGNORE
            shares = mask if task.out_channels > 1 else torch.cat([1 - mask, mask], dim=1)
            value = functional.cross_entropy(full.float(), shares.where(valid[:, None], 0), reduction="none")
            return value.flatten(1).sum(1) / valid.flatten(1).sum(1).clamp_min(1)
        value = functional.cross_entropy(full.float(), mask, ignore_index=segkit.IGNORE, reduction="none")
        return value.flatten(1).sum(1) / (mask != segkit.IGNORE).flatten(1).sum(1).clamp_min(1)

    return loss


def make_wide(task: segkit.Task, params: Any) -> Any:
    return lambda logits, mask: make_loss(task, params)(logits, mask).mean()


def make_nan(task: segkit.Task, params: Any) -> Any:
    return lambda logits, mask: logits.flatten(1).mean(1) * float("nan")


def measure(prediction: Any, mask: Any, spacing: Any, task: segkit.Task, options: Any) -> segkit.Measurement:
    import numpy as np

    valid = mask != segkit.IGNORE
    labels = range(1, len(task.classes) + 1)
    pairs = [(prediction[valid] == label, mask[valid] == label) for label in labels]
    return segkit.Measurement(
        true_positive=np.array([(p & r).sum() for p, r in pairs], np.int64),
        false_positive=np.array([(p & ~r).sum() for p, r in pairs], np.int64),
        false_negative=np.array([(~p & r).sum() for p, r in pairs], np.int64),
        true_negative=np.array([(~p & ~r).sum() for p, r in pairs], np.int64),
        shape=mask.shape,
        spacing=spacing,
    )


def make_overlap(task: segkit.Task, params: Any) -> Any:
    def score(measurement: segkit.Measurement) -> Any:
        import numpy as np

        total = measurement.reference + measurement.predicted
        share = 2 * measurement.true_positive / np.maximum(total, 1)
        return np.where(total == 0, np.nan, share) + params.offset

    return score


def make_miss(task: segkit.Task, params: Any) -> Any:
    def score(measurement: segkit.Measurement) -> Any:
        import numpy as np

        share = measurement.false_negative / np.maximum(measurement.reference, 1)
        return np.where(measurement.reference == 0, np.nan, share) + params.offset

    return score
