"""What people's own images want of a run, nothing else being known of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

RECIPE: Mapping[str, Any] = MappingProxyType(
    {
        "components.loss": "dice + ce",
        "components.metrics": ("dice", "iou"),
        "train.epochs": 30,
        "train.optimizer": "adamw",
        "train.learning_rate": 2e-3,
        "train.weight_decay": 1e-2,
        "train.schedule": "cosine",
        "train.selection": "dice",
        # No mirroring: nobody has said that left and right are alike.
        "augment.warp": 0.7,
        "augment.rotation": 15.0,
        "augment.scale": 0.2,
        "augment.shift": 0.05,
        "augment.brightness": 0.1,
        "augment.contrast": 0.2,
        "images": {"data.size": (256, 256), "data.normalization": "dataset", "train.batch_size": 8},
        "slices": {"data.size": (128, 128), "train.batch_size": 8},
        "slab": {"data.size": (128, 128), "train.batch_size": 8},
        "patches": {"data.size": (48, 96, 96), "train.batch_size": 2},
    }
)
"""Config fields (segkit/settings.py) by dotted name; those under a mode's name are for that mode."""

VOLUMES: Mapping[str, Any] = MappingProxyType(
    {
        "components.metrics": ("dice", "nsd", "hd95"),
        "data.normalization": "body",
        # Better than 2e-3 on held-out volumes, in patches and in slices (docs/results/hippocampus.md).
        "train.learning_rate": 5e-3,
    }
)


def recipe_of(*, volumes: bool) -> Mapping[str, Any]:
    """Return the recipe for photographs or volumes."""
    return {**RECIPE, **VOLUMES} if volumes else RECIPE
