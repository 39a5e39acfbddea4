"""What the calibration metrics add up over a case: how sure the network is, and how often it is right when it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from segkit import IGNORE, SegkitError, Task
from segkit_metrics.near import Band

Block = tuple[slice, ...]
Sums = dict[str, np.ndarray]

CELLS = 1024
"""Confidences are told apart by so many cells where bins are to hold equal numbers of pixels (Nixon et al. 2019)."""
LARGEST_LOGIT = 14.0
"""Cells are equally wide in the logit of the confidence, up to 1 - 8e-7: most pixels are nearly sure."""
OFF = 1e-3
"""Probabilities of a pixel may sum to 1 but for this; half precision is off by less."""
SMALLEST = 1e-12
"""Smaller probabilities count as this one in the logarithm."""


@dataclass(frozen=True)
class Adder:
    """Adds up one case, block by block.

    Attributes:
        mask: (*S) labels, 255 is left out.
        labels: how many there are, the background's too.
        bins: equal in width from 0 to 1, or 0 for `CELLS` of equal width in the logit; None: errors are summed instead.
        per_class: each label against the rest, instead of the most probable label alone.
        near: which of a block's pixels count; None: all.
    """

    mask: np.ndarray
    labels: int
    bins: int | None
    per_class: bool
    near: Callable[[Block], np.ndarray] | None

    def __call__(self, probabilities: np.ndarray, block: Block) -> Sums:
        """Add up a block of probabilities (K, *block)."""
        mask = self.mask[block]
        taken = mask != IGNORE
        if self.near is not None:
            taken &= self.near(block)
        # In the order in which the probabilities lie in memory: pixels are added up in any, and nothing is copied.
        order = sorted(range(mask.ndim), key=lambda axis: -probabilities.strides[1 + axis])
        mask, taken = mask.transpose(order), taken.transpose(order)
        probabilities = probabilities.transpose(0, *(1 + axis for axis in order))
        every = bool(taken.all())
        truth = (mask.reshape(-1) if every else mask[taken]).astype(np.int64)
        channels = len(probabilities)
        # Without a copy where every pixel counts, and in single precision until one label is chosen: of 17 labels the
        # rest would be most of the work.
        flat = probabilities.reshape(channels, -1) if every else probabilities[:, taken]
        values = every_label(flat, self.labels)
        pixels = np.array([len(truth)], dtype=np.int64)
        if self.per_class:
            hits = truth == np.arange(self.labels)[:, None]
            added = errors(values, hits) if self.bins is None else binned(values, hits, self.bins)
        elif self.bins is None:
            added = joint_errors(values, truth)
        else:
            added = binned(*most_probable(values, truth), self.bins)
        return {"pixels": pixels, **added}


def measure(
    mask: np.ndarray, spacing: tuple[float, ...] | None, task: Task, options: Mapping[str, Any]
) -> Callable[[np.ndarray, Block], Sums]:
    """Return what adds up one case.

    Args:
        mask: (*S) labels, 255 is left out.
        spacing: mm per voxel and axis, None for pixels.
        options: of `CalibrationParams`, or of `BinnedParams`.

    Returns:
        fn(probabilities (K, *block) float32, block) -> int64 and float64 sums by name: `pixels` (1,); with bins
        `counts`, `right` and `confidence` (rows, bins), without them `brier` and `nll` (rows,); a row per label or one
        for all.

    Raises:
        SegkitError: (the function) probabilities are outside of 0 to 1, or do not sum to 1.
    """
    near = None
    if options["region"] == "band":
        near = Band(mask, options["width"], spacing or (1.0,) * mask.ndim).near
    bins: int | None = options.get("bins")
    if options.get("binning") == "mass":
        bins = 0
    return Adder(mask, len(task.classes) + 1, bins, options["form"] == "class", near)


def every_label(values: np.ndarray, labels: int) -> np.ndarray:
    """Return probabilities (labels, pixels) as they are; of one class, float64, the background's, the rest, before it.

    Raises:
        SegkitError: they are outside of 0 to 1, or do not sum to 1.
    """
    table = values
    if len(values) == 1 and labels == 2:
        foreground = values.astype(np.float64)
        table = np.concatenate([1 - foreground, foreground])
    if not table.size:
        return table
    # A NaN is in no range either.
    if not (table.min() >= -OFF and table.max() <= 1 + OFF and np.abs(table.sum(axis=0) - 1).max() <= OFF):
        raise SegkitError(
            "probabilities of a pixel are outside of 0 to 1 or do not sum to 1",
            "a metric of calibration is given sigmoid or softmax outputs, one channel per label",
        )
    return table


def most_probable(values: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest probability of each pixel, float64 (1, pixels), and whether its first label is the true one.

    `argmax` over the labels takes 66 ns a pixel of 17 labels, comparing what the true label was given with the largest
    8; where labels share the largest, which is rare, it is asked all the same.
    """
    confidence = values.max(axis=0)
    right = of_label(values, truth) == confidence
    # Two labels share the largest only where it is at most half of what all have together: few pixels are so unsure.
    unsure = np.flatnonzero(right & (confidence <= (1 + len(values) * OFF) / 2))
    if unsure.size:
        right[unsure] = values[:, unsure].argmax(axis=0) == truth[unsure]
    return confidence[None].astype(np.float64), right[None]


def of_label(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return what each pixel's label was given, (pixels,) of probabilities (labels, pixels)."""
    flat = np.ascontiguousarray(values).reshape(-1)
    place = labels.astype(np.int64)
    place *= values.shape[1]
    place += np.arange(values.shape[1])
    found: np.ndarray = flat.take(place)
    return found


def binned(confidence: np.ndarray, right: np.ndarray, bins: int) -> Sums:
    """Count pixels and right ones, and sum confidences, (rows, bins) of confidences (rows, pixels)."""
    count, rows = bins or CELLS, len(confidence)
    flat = cells(confidence, bins)
    if rows > 1:
        flat += count * np.arange(rows)[:, None]
    flat = flat.ravel()
    size = rows * count
    sure = np.bincount(flat, weights=confidence.ravel(), minlength=size)
    flat *= 2  # each bin's wrong ones, then its right ones: counted in one pass
    flat += right.ravel()
    counted = np.bincount(flat, minlength=2 * size).astype(np.int64).reshape(size, 2)
    found = {"counts": counted.sum(axis=1), "right": counted[:, 1], "confidence": sure}
    return {name: value.reshape(rows, count) for name, value in found.items()}


def cells(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin of each confidence: the last one takes 1 itself."""
    if bins:
        widths: np.ndarray = (confidence.astype(np.float64, copy=False) * bins).astype(np.int64)
        np.minimum(widths, bins - 1, out=widths)
        return widths
    inside = np.clip(confidence, 1e-9, 1 - 1e-9)
    logit = np.log(inside / (1 - inside))
    place = np.floor((logit + LARGEST_LOGIT) * (CELLS / (2 * LARGEST_LOGIT)))
    found: np.ndarray = np.clip(place, 0, CELLS - 1).astype(np.int64)
    return found


def errors(values: np.ndarray, hits: np.ndarray) -> Sums:
    """Sum squared errors and negative logarithms of each label against the rest, (labels,)."""
    values = values.astype(np.float64)
    apart = np.where(hits, 1 - values, values)
    return {"brier": (apart**2).sum(axis=1), "nll": -np.log(np.maximum(1 - apart, SMALLEST)).sum(axis=1)}


def joint_errors(values: np.ndarray, truth: np.ndarray) -> Sums:
    """Sum squared errors over all labels (of one class: of its own probability) and negative logarithms, (1,)."""
    of_truth = of_label(values, truth).astype(np.float64)
    squared = np.einsum("kp,kp->", values, values, dtype=np.float64) - 2 * of_truth.sum() + len(truth)
    share = 0.5 if len(values) == 2 else 1.0
    nll = -np.log(np.maximum(of_truth, SMALLEST)).sum()
    return {"brier": np.array([share * squared]), "nll": np.array([nll])}
