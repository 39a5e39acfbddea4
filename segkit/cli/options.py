"""From options to settings: one table for all commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segkit.config import Layer

FLAG_FIELDS = {
    "arch": "components.arch",
    "data": "components.data",
    "loss": "components.loss",
    "metric": "components.metrics",
    "explain": "components.explainers",
    "explainer": "components.explainers",
    "data_root": "data.root",
    "size": "data.size",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "learning_rate": "train.learning_rate",
    "optimizer": "train.optimizer",
    "device": "run.device",
    "seed": "run.seed",
    "workers": "run.workers",
    "output": "run.output",
    "name": "run.name",
    "deterministic": "run.deterministic",
    "compile": "run.compile",
    "profile": "run.profile",
    "from_classes": "start.classes",
    "split": "evaluate.split",
    "tta": "evaluate.mirror",
    "case": "explain.cases",
    "target": "explain.target",
    "layer": "explain.layer",
    "evidence": "explain.evidence",
    "baseline": "explain.baseline",
}
"""Option -> config field; types and limits are the field's, checked in one place."""
OPTION_NAMES = {"learning_rate": "--lr"}


def flag_layers(options: Mapping[str, Any]) -> list[Layer]:
    """Turn each option that was given into a layer of its own, so that messages and config name the option."""
    from segkit.config import Layer

    given = [(name, value) for name, value in options.items() if value not in (None, ())]
    return [Layer(option_name(name), {FLAG_FIELDS[name]: value}) for name, value in given]


def option_name(name: str) -> str:
    """What people type: --data-root."""
    return OPTION_NAMES.get(name, f"--{name.replace('_', '-')}")
