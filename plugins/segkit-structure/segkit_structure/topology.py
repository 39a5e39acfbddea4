"""Scores of topology: centrelines, and the numbers of parts, loops and cavities."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from segkit import Measurement, Task
from segkit_structure.lesions import Score
from segkit_structure.params import BettiParams, EmptyParams


def cl_dice(task: Task, params: EmptyParams) -> Score:
    """Return the harmonic mean of the shares of both skeletons that lie within the other side, per class (Shit 2021).

    Range 0 to 1. A missed or spurious structure scores 0; where both lack the class it is `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        values = np.full(len(measured.reference), float(params.both_empty))
        for label, (hit, whole, found, asked) in enumerate(measured.distances["skeletons:2d-zhang 3d-lee"]):
            if whole or asked:
                precision, recall = hit / whole if whole else 0.0, found / asked if asked else 0.0
                values[label] = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        return values

    return score


def betti_error(task: Task, params: BettiParams) -> Score:
    """Return the absolute difference of Betti numbers per class, summed over the dimensions asked for; 0 is best."""

    def score(measured: Measurement) -> np.ndarray:
        values = np.full(len(measured.reference), float(params.both_empty))
        for label, numbers in enumerate(measured.distances[f"betti:{params.connectivity}"]):
            if numbers.any():
                apart = np.abs(numbers[0] - numbers[1])
                values[label] = apart.sum() if params.dimension == "all" else apart[int(params.dimension)]
        return values

    return score


def skeleton_shares(predicted: np.ndarray, reference: np.ndarray, how: str, spacing: Sequence[float]) -> np.ndarray:
    """Thin both sides to their skeletons (2D: Zhang and Suen 1984; 3D: Lee, Kashyap and Chu 1994).

    Returns:
        float64 (4,): skeleton voxels of the prediction inside the mask, all of them; of the mask inside the prediction,
        all of them.
    """
    from skimage.morphology import skeletonize

    first, second = (skeletonize(side) > 0 if side.any() else side for side in (predicted, reference))
    marked = (first & reference, first, second & predicted, second)
    return np.array([np.count_nonzero(one) for one in marked], dtype=np.float64)


def betti_numbers(predicted: np.ndarray, reference: np.ndarray, how: str, spacing: Sequence[float]) -> np.ndarray:
    """Return b0, b1 and b2 of both sides, float64 (2, 3): parts, loops (2D: holes), cavities."""
    return np.array([betti(side, how == "full") for side in (predicted, reference)], dtype=np.float64)


def betti(inside: np.ndarray, full: bool) -> tuple[int, int, int]:
    """Return the Betti numbers of a class (*S), of which nothing lies beyond the array.

    Args:
        full: voxels are closed cubes, which touch by edges and corners too; else they hang together by faces alone.
    """
    from scipy import ndimage

    if not inside.any():
        return 0, 0, 0
    dims = inside.ndim
    padded = np.pad(inside, 1)
    whole, faces = (ndimage.generate_binary_structure(dims, reach) for reach in (dims, 1))
    _, parts = ndimage.label(padded, whole if full else faces)
    _, outsides = ndimage.label(~padded, faces if full else whole)
    if dims == 2:
        return parts, outsides - 1, 0
    # Euler and Poincaré: b0 - b1 + b2 is the alternating number of cells, so that no tunnel has to be looked for.
    return parts, parts + (outsides - 1) - euler(padded, full), outsides - 1


def euler(padded: np.ndarray, full: bool) -> int:
    """Return the Euler number of a class (*S) with a rim of outside: the alternating number of cells.

    A voxel is a closed cube where `full`, with all its corners; else an open one, whose corner is there where all
    voxels around it are.
    """
    total = 0
    dims = padded.ndim
    for flat in itertools.product((False, True), repeat=dims):
        cells = padded
        for axis in itertools.compress(range(dims), flat):
            ahead, behind = np.delete(cells, 0, axis), np.delete(cells, -1, axis)
            cells = ahead | behind if full else ahead & behind
        odd = (dims - sum(flat)) % 2 if full else sum(flat) % 2
        total += (-1 if odd else 1) * int(np.count_nonzero(cells))
    return total
