"""What dermoscopy wants of a run: the one place to change it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

RECIPE: Mapping[str, Any] = MappingProxyType(
    {
        "components.loss": "bce + dice",
        "components.metrics": ("dice", "iou"),
        "components.explainers": ("cam", "grad-cam"),
        # Stretched: photographs of a challenge year have many aspect ratios, and a square can be transposed.
        "data.size": (128, 128),
        "data.normalization": "dataset",
        "train.epochs": 20,
        "train.batch_size": 4,
        "train.optimizer": "adamw",
        "train.learning_rate": 2e-3,
        "train.weight_decay": 1e-2,
        "train.schedule": "cosine",
        "train.average": 0.99,
        "train.selection": "dice",
        # A lesion has no upright: mirrored copies are as likely as the photograph itself, when learning and when
        # predicting. Wider changes of scale and strong vignettes underfit in 20 epochs.
        "augment.flip": 0.5,
        "augment.transpose": 0.5,
        "augment.warp": 1.0,
        "augment.rotation": 20.0,
        "augment.scale": 0.25,
        "augment.shift": 0.05,
        "augment.brightness": 0.1,
        "augment.contrast": 0.2,
        "augment.saturation": 0.3,
        "augment.colour": 0.1,
        "evaluate.mirror": True,
    }
)
"""Config fields (segkit/settings.py) by dotted name."""
