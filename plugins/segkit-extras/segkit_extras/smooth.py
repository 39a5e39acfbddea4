"""Majority filter of label maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from segkit import Task, param


@dataclass(frozen=True)
class Smooth:
    """Of the majority filter."""

    side: int = param(3, "Side of the neighbourhood in pixels or voxels, an odd number.", min=3, max=31)

    def __post_init__(self) -> None:
        if self.side % 2 == 0:
            raise ValueError(f"side={self.side} is even: a neighbourhood has a middle")


def build(task: Task, params: Smooth) -> Callable[[np.ndarray], np.ndarray]:
    """Build the step: of equally frequent labels the smallest is taken."""
    labels = range(2) if task.overlapping else range(len(task.classes) + 1)

    def majority(found: np.ndarray) -> np.ndarray:
        shares = [ndimage.uniform_filter((found == label).astype(np.float32), params.side) for label in labels]
        # Rounded, for the running sums behind a uniform filter differ in their last bits between equal shares.
        chosen: np.ndarray = np.argmax(np.round(shares, 4), axis=0).astype(np.uint8)
        return chosen

    def smooth(found: np.ndarray) -> np.ndarray:
        return np.stack([majority(plane) for plane in found]) if task.overlapping else majority(found)

    return smooth
