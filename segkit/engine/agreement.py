"""How far several label maps of an image agree, of models or of mirrored copies: the Dice of every two, from sums."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from segkit.engine.decoding import decode


class Agreement:
    """Adds up an image: what every two members mark both, and what each marks.

    Args:
        members: how many there are: models, or mirrored copies.
        classes: foreground classes.
        overlapping: whether each class is a yes or no of its own.
    """

    def __init__(self, members: int, classes: int, *, overlapping: bool = False) -> None:
        self.overlapping = overlapping
        self.marked = np.zeros((members, classes), np.int64)
        self.common = np.zeros((members, members, classes), np.int64)

    def take(self, parts: Sequence[torch.Tensor]) -> None:
        """Add up a block of probabilities (K', *block), one of each member."""
        self.take_labels([decode(part, above=0.5, overlapping=self.overlapping) for part in parts])

    def take_labels(self, maps: Sequence[torch.Tensor]) -> None:
        """Add up a block of labels (*block), or of overlapping classes (classes, *block), one of each member."""
        for label in range(self.marked.shape[1]):
            masks = [found[label] > 0 if self.overlapping else found == label + 1 for found in maps]
            for member, mask in enumerate(masks):
                self.marked[member, label] += int(mask.sum())
            for one, other in itertools.combinations(range(len(masks)), 2):
                self.common[one, other, label] += int((masks[one] & masks[other]).sum())

    def value(self) -> float | None:
        """Return the mean over pairs of the mean Dice of the classes that either marks; None of nothing."""
        found = []
        for one, other in itertools.combinations(range(len(self.marked)), 2):
            both = self.marked[one] + self.marked[other]
            there = both > 0
            if there.any():
                found.append(float((2 * self.common[one, other][there] / both[there]).mean()))
        return float(np.mean(found)) if found else None
