"""Probabilities fed to the metrics that ask for them, block by block while a case is predicted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from segkit.declarations import Task
from segkit.engine.decoding import probabilities
from segkit.engine.measure import ChosenMetric, measure_key
from segkit.errors import SegkitError

Block = tuple[slice, ...]
"""Which part of a case's own grid, a slice per axis."""
Watch = Callable[[Block, torch.Tensor], None]
"""Told of every block of scores (K, *block), each voxel once, while labels are made of them."""
Sums = dict[str, np.ndarray]


class Feeds:
    """What the metrics that need probabilities add up over one case; never more than a block of them is held.

    Attributes:
        sums: by what the metrics share a pass by (`measure_key`); empty dictionaries until a block was seen.
    """

    def __init__(
        self, metrics: Sequence[ChosenMetric], mask: np.ndarray, spacing: tuple[float, ...] | None, task: Task
    ) -> None:
        self._feeds: dict[Any, Callable[[np.ndarray, Block], Mapping[str, np.ndarray]]] = {}
        self.sums: dict[Any, Sums] = {}
        self._overlapping = task.overlapping
        for metric in metrics:
            key = measure_key(metric)
            if metric.declaration.needs == "probabilities" and key not in self._feeds:
                self._feeds[key] = metric.measure(mask, spacing, task, metric.options)
                self.sums[key] = {}

    @property
    def watch(self) -> Watch | None:
        """What is to be told of every block; None where no metric needs one, so that nothing is made for it."""
        return self.take if self._feeds else None

    def take(self, block: Block, scores: torch.Tensor) -> None:
        """Add up what a block of scores (K, *block) says."""
        values = probabilities(scores, overlapping=self._overlapping).float().cpu().numpy()
        for key, feed in self._feeds.items():
            add_to(self.sums[key], feed(values, block), str(key[0]))


def add_to(total: Sums, part: Mapping[str, np.ndarray], whose: str) -> None:
    """Add arrays by name into a total.

    Raises:
        SegkitError: an array is neither int64 nor float64, or of another shape than before: sums over cases and ranks
            would not be exact.
    """
    for name, value in part.items():
        found = np.asarray(value)
        if found.dtype not in (np.int64, np.float64):
            raise SegkitError(
                f"{whose}: {name} is of type {found.dtype}, not int64 or float64", "report it to its author"
            )
        if name not in total:
            total[name] = found.copy()
        elif total[name].shape != found.shape or total[name].dtype != found.dtype:
            raise SegkitError(f"{whose}: {name} changed its shape or type between blocks", "report it to its author")
        else:
            total[name] += found
