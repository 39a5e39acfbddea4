"""Components that say nothing but settings, so that thousands of plans are made in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import segkit


@dataclass(frozen=True)
class ThinParams:
    width: int = segkit.param(4, "Channels.", min=1)
    centred: bool = segkit.param(False, "Whether images are expected around zero.")


@dataclass(frozen=True)
class DeepParams:
    width: int = segkit.param(8, "Channels.", min=1)
    depth: int = segkit.param(2, "Levels.", min=1)


@dataclass(frozen=True)
class DataParams:
    shade: int = segkit.param(1, "A param of the dataset.")


@dataclass(frozen=True)
class SmoothParams:
    smooth: float = segkit.param(0.0, "Smoothing.")
    gamma: float = segkit.param(2.0, "Exponent.")


@dataclass(frozen=True)
class PresetParams:
    preset: Literal["one", "ten"] | None = segkit.param(None, "What decides the offset where nobody says it.")
    offset: int | None = segkit.param(None, "None: as the preset says, 0 without one.")

    def __post_init__(self) -> None:
        if self.offset is None:
            object.__setattr__(self, "offset", {"one": 1, "ten": 10}.get(self.preset or "", 0))


@dataclass(frozen=True)
class PowerParams:
    power: int = segkit.param(1, "Exponent.")


DEFAULTS: dict[str, dict[str, Any]] = {
    "thin": {"train.epochs": 11, "arch.width": 5, "evaluate.overlap": 0.25, "loss.soft-dice.gamma": 1.5},
    "deep": {"train.epochs": 12, "train.weight_decay": 0.25, "metric.rate.offset": 6},
}
RECIPES: dict[str, dict[str, Any]] = {
    "north": {
        "components.loss": "soft-dice",
        "components.metrics": ("hit", "rate"),
        "data.size": (16, 16),
        "train.batch_size": 21,
        "train.epochs": 22,
        "metric.preset": "one",
        "loss.entropy.smooth": 0.5,
        "montage": {"train.batch_size": 23, "data.normalization": "image"},
    },
    "south": {
        "components.loss": "entropy",
        "components.metrics": ("hit",),
        "components.explainers": ("glow",),
        "data.size": (16, 16),
        "train.batch_size": 31,
        "evaluate.minimum_size": 3,
        "explainer.glow.power": 2,
    },
}


@segkit.hookimpl
def segkit_architectures() -> list[segkit.Architecture]:
    common: dict[str, Any] = {"factory": "segkit_lattice:Nothing", "summary": "Never built."}
    return [
        segkit.Architecture(
            name="thin", params=ThinParams, defaults={2: DEFAULTS["thin"]}, settings="segkit_lattice:wishes", **common
        ),
        segkit.Architecture(name="deep", params=DeepParams, defaults={2: DEFAULTS["deep"]}, **common),
    ]


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    common: dict[str, Any] = {"params": DataParams, "summary": "Never read."}
    return [
        segkit.Dataset(name="north", factory="segkit_lattice:North", modes={"images": 2, "montage": 2}, **common),
        segkit.Dataset(name="south", factory="segkit_lattice:South", modes={"images": 2}, **common),
    ]


@segkit.hookimpl
def segkit_losses() -> list[segkit.Loss]:
    common: dict[str, Any] = {"factory": "segkit_lattice:Nothing", "params": SmoothParams, "summary": "Never taken."}
    return [segkit.Loss(name=name, **common) for name in ("soft-dice", "entropy")]


@segkit.hookimpl
def segkit_metrics() -> list[segkit.Metric]:
    common: dict[str, Any] = {"factory": "segkit_lattice:Nothing", "measure": "segkit_lattice:Nothing"}
    named = [("hit", PresetParams), ("rate", PresetParams), ("bare", SmoothParams)]
    return [segkit.Metric(name=name, params=params, summary="Never taken.", **common) for name, params in named]


@segkit.hookimpl
def segkit_explainers() -> list[segkit.Explainer]:
    common: dict[str, Any] = {"factory": "segkit_lattice:Nothing", "params": PowerParams, "summary": "Never asked."}
    return [segkit.Explainer(name=name, **common) for name in ("glow", "ray")]


def wishes(task: segkit.Task, params: ThinParams) -> dict[str, Any]:
    """What follows from an architecture's params."""
    return {"data.normalization": "dataset", "train.warmup": 0.5} if params.centred else {}


class Nothing:
    """What no plan builds."""


class North:
    reader_version = 1
    name = "north"

    def __init__(self, root: Path, params: DataParams) -> None:
        self.task = segkit.Task(1, (f"{self.name}-class",))
        self.recipe = RECIPES[self.name]

    def cases(self, split: str) -> list[segkit.Case]:
        return [segkit.Case(f"{split}-1")]


class South(North):
    name = "south"
