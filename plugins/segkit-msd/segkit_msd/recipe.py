"""What volumes want of a run: the one place to change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

RECIPE: Mapping[str, Any] = MappingProxyType(
    {
        "components.loss": "dice + ce",
        "components.metrics": ("dice", "nsd", "hd95"),
        "data.normalization": "body",
        "train.epochs": 20,
        "train.optimizer": "adamw",
        # 0.005 better than 2e-3 on held-out training cases, in patches and in slices (docs/results/hippocampus.md).
        "train.learning_rate": 5e-3,
        "train.weight_decay": 1e-2,
        "train.schedule": "cosine",
        "train.selection": "dice",
        # No mirroring: left and right are classes of their own in many datasets.
        "augment.warp": 0.5,
        "augment.rotation": 15.0,
        "augment.scale": 0.2,
        "augment.shift": 0.05,
        "augment.brightness": 0.1,
        "augment.contrast": 0.2,
        "slices": {"data.size": (128, 128), "train.batch_size": 8},
        "slab": {"data.size": (128, 128), "train.batch_size": 8},
        "patches": {"data.size": (48, 96, 96), "train.batch_size": 2},
    }
)
"""Config fields (segkit/settings.py) by dotted name; those under a mode's name are for that mode."""


def recipe_of(channels: Sequence[str]) -> Mapping[str, Any]:
    """Return the recipe for what the channels are: CT has a scale of its own, nothing else has."""
    is_ct = all(name.strip().upper() == "CT" for name in channels)
    return {**RECIPE, "data.normalization": "ct" if is_ct else "body"}
