"""What images larger than memory want of a run, nothing else being known of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

RECIPE: Mapping[str, Any] = MappingProxyType(
    {
        "components.loss": "dice + ce",
        "components.metrics": ("dice", "iou"),
        "data.size": (256, 256),
        "data.normalization": "dataset",
        # Half a tile is overlap enough for patches of organs; of a slide it is four times the work.
        "evaluate.overlap": 0.25,
        "train.epochs": 30,
        "train.batch_size": 8,
        "train.optimizer": "adamw",
        "train.learning_rate": 2e-3,
        "train.weight_decay": 1e-2,
        "train.schedule": "cosine",
        "train.selection": "dice",
        "augment.warp": 0.7,
        "augment.rotation": 15.0,
        "augment.scale": 0.2,
        "augment.shift": 0.05,
        "augment.brightness": 0.1,
        "augment.contrast": 0.2,
    }
)
"""Config fields (segkit/settings.py) by dotted name."""
