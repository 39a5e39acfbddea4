"""How far several models agree on an image: the Dice of their label maps with one another, from sums over blocks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from segkit.engine.decoding import decode


class Agreement:
    """Adds up an image: what every two models mark both, and what each marks.

    Args:
        models: how many there are.
        classes: foreground classes.
        overlapping: whether each class is a yes or no of its own.
    """

    def __init__(self, models: int, classes: int, *, overlapping: bool = False) -> None:
        self.overlapping = overlapping
        self.marked = np.zeros((models, classes), np.int64)
        self.common = np.zeros((models, models, classes), np.int64)

    def take(self, parts: Sequence[torch.Tensor]) -> None:
        """Add up a block of probabilities (K', *block), one of each model."""
        maps = [decode(part, above=0.5, overlapping=self.overlapping) for part in parts]
        for label in range(self.marked.shape[1]):
            masks = [found[label] > 0 if self.overlapping else found == label + 1 for found in maps]
            for model, mask in enumerate(masks):
                self.marked[model, label] += int(mask.sum())
            for one, other in itertools.combinations(range(len(masks)), 2):
                self.common[one, other, label] += int((masks[one] & masks[other]).sum())

    def value(self) -> float | None:
        """Return the mean over pairs of models of the mean Dice of the classes that either marks; None of nothing."""
        found = []
        for one, other in itertools.combinations(range(len(self.marked)), 2):
            both = self.marked[one] + self.marked[other]
            there = both > 0
            if there.any():
                found.append(float((2 * self.common[one, other][there] / both[there]).mean()))
        return float(np.mean(found)) if found else None
