"""Masks and predictions of overlapping classes beside those of exclusive ones (issue 22).

They are (classes, *S) of 0, 1 and, in masks, 255. A label map says of a pixel which class it is of; where a pixel may
be of several, every class has a plane of its own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segkit.contracts import IGNORE
from segkit.declarations import Task


def by_class(function: Callable[[np.ndarray], np.ndarray], mask: np.ndarray, task: Task) -> np.ndarray:
    """Apply a function of label maps (*S) to a mask: to each class's plane where they overlap."""
    return np.stack([function(plane) for plane in mask]) if task.overlapping else function(mask)


def is_class(mask: np.ndarray, label: int, task: Task) -> np.ndarray:
    """Return where a mask has the class of a label, from 1, as bool (*S)."""
    found: np.ndarray = mask[label - 1] == 1 if task.overlapping else mask == label
    return found


def alone(mask: np.ndarray, label: int, task: Task) -> np.ndarray:
    """Return a label map (*S) in which other classes can be nothing in the way of one: itself where they exclude it.

    Of overlapping classes it is the class's plane with its label in the place of 1.
    """
    if not task.overlapping:
        return mask
    plane = mask[label - 1]
    found: np.ndarray = np.where(plane == 1, label, plane).astype(np.uint8)
    return found


def painted(mask: np.ndarray, task: Task) -> np.ndarray:
    """Return a label map (*S) to look at: of overlapping classes the largest is painted first, 255 where all are."""
    if not task.overlapping:
        return mask
    labels = np.zeros(mask.shape[1:], np.uint8)
    for label in painting_order(mask):
        labels[mask[label - 1] == 1] = label
    labels[(mask == IGNORE).all(axis=0)] = IGNORE
    return labels


def painting_order(mask: np.ndarray) -> list[int]:
    """Return the labels of overlapping classes from the largest to the smallest, of equal ones the first first."""
    sizes = np.count_nonzero(mask.reshape(len(mask), -1) == 1, axis=1)
    return [int(place) + 1 for place in np.argsort(-sizes, kind="stable")]
