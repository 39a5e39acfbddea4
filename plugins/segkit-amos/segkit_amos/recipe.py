"""What AMOS wants of a run: the one place to change it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

SLICES: Mapping[str, Any] = MappingProxyType(
    {
        # A slice shows a few of the 15 organs: only these count in its Dice, while the cross entropy sees all of them.
        # As many slices are drawn for an adrenal gland as for the liver. Without both, small organs of the generated
        # sample were not found at all in as many steps.
        "loss.dice.absent": "skip",
        "data.patches": 48,
        "data.foreground": 0.75,
    }
)
"""What 2D networks on slices take."""

RECIPE: Mapping[str, Any] = MappingProxyType(
    {
        "components.loss": "dice + ce",
        "components.metrics": ("dice", "nsd", "hd95"),
        "data.normalization": "body",
        "train.epochs": 40,
        "train.optimizer": "adamw",
        "train.learning_rate": 2e-3,
        "train.weight_decay": 1e-2,
        "train.schedule": "cosine",
        "train.selection": "dice",
        # No mirroring: a mirrored left kidney is a right one.
        "augment.warp": 0.5,
        "augment.rotation": 10.0,
        "augment.scale": 0.15,
        "augment.shift": 0.05,
        "augment.brightness": 0.1,
        "augment.contrast": 0.2,
        "slices": {**SLICES, "data.size": (256, 256), "train.batch_size": 16},
        "slab": {**SLICES, "data.size": (256, 256), "train.batch_size": 16},
        "patches": {"data.size": (64, 160, 160), "train.batch_size": 2, "train.epochs": 200},
    }
)
"""Config fields (segkit/settings.py) by dotted name; those under a mode's name are for that mode."""

SAMPLE: Mapping[str, Any] = MappingProxyType(
    {
        "train.epochs": 10,
        "evaluate.validation_cases": 2,
        "slices": {**SLICES, "data.size": (80, 80), "data.patches": 40, "train.batch_size": 8},
        "slab": {**SLICES, "data.size": (80, 80), "data.patches": 40, "train.batch_size": 8},
        "patches": {"data.size": (24, 64, 64), "train.batch_size": 2, "train.epochs": 20},
    }
)
"""What the generated sample takes instead: it is small, and meant to be done in minutes."""


def recipe_of(modality: str, *, generated: bool) -> Mapping[str, Any]:
    """Return the recipe: CT alone has a scale that all scanners share; where MR is among the scans nothing has."""
    return {
        **RECIPE,
        **(SAMPLE if generated else {}),
        "data.normalization": "ct" if modality == "ct" else "body",
    }
