"""What the metrics take from one case: counts at once, structures when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segkit import Measurement, Task
from segkit_metrics.boxes import Box, class_boxes
from segkit_metrics.distances import Distances
from segkit_metrics.measure import measure as count

Pair = tuple[np.ndarray, np.ndarray]
"""A class in the prediction and in the mask, bool, in one box that holds both."""


def measure(
    prediction: np.ndarray,
    mask: np.ndarray,
    spacing: tuple[float, ...] | None,
    task: Task,
    options: Mapping[str, Any],
) -> Measurement:
    """Count pixels as segkit-metrics does; structures follow when asked for.

    Args:
        prediction: (*S) labels 0 to the number of classes.
        mask: (*S) labels in the same range, or 255: such pixels count as background on both sides.
        spacing: mm per voxel and axis, None for pixels.
        options: none are read.

    Raises:
        SegkitError: the shapes differ, or a label is out of range.
    """
    counted = count(prediction, mask, spacing, task, options)
    return replace(counted, distances=Structures(prediction, mask, spacing, len(task.classes)))


class Structures(Distances):
    """Structures by name, each one array per class, measured at first access: "lesions:full", "band:mm:2.0", ...

    A name is what is measured and what it depends on, joined by colons; the distances of segkit-metrics have theirs.
    """

    def __getitem__(self, name: str) -> Sequence[np.ndarray]:
        """Return one array per class, as the function of that name in MEASURED says."""
        kind, _, how = name.partition(":")
        if not how:
            return super().__getitem__(name)
        if name not in self.known:
            self.known[name] = [of_kind(kind)(*pair, how, self.spacing) for pair in self.both_sides()]
        return self.known[name]

    def both_sides(self) -> Iterator[Pair]:
        """Yield each class on both sides, in one box around them; a box of one voxel where both lack it."""
        maps = self.label_maps()
        boxes = [class_boxes(labels, self.classes) for labels in maps]
        for label in range(1, self.classes + 1):
            around = joined([of_side[label - 1] for of_side in boxes], self.mask.ndim)
            yield maps[0][around] == label, maps[1][around] == label


def joined(boxes: Sequence[Box | None], dims: int) -> Box:
    """Return the smallest box around others; one voxel where there are none."""
    found = [box for box in boxes if box is not None]
    if not found:
        return (slice(0, 1),) * dims
    return tuple(
        slice(min(box[axis].start for box in found), max(box[axis].stop for box in found)) for axis in range(dims)
    )


def of_kind(kind: str) -> Callable[[np.ndarray, np.ndarray, str, Sequence[float]], np.ndarray]:
    """Return the function that measures (prediction, mask, how, spacing) of one class."""
    from segkit_structure import bands, components, topology

    functions = {
        "lesions": components.lesions,
        "band": bands.overlap,
        "skeletons": topology.skeleton_shares,
        "betti": topology.betti_numbers,
    }
    return functions[kind]
