"""Scores from counts: overlaps, shares of one side, volumes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segkit import Measurement, Task
from segkit_metrics.params import (
    BothParams,
    OverlapParams,
    SideParams,
    SpecificityParams,
    ThresholdParams,
    VolumeErrorParams,
)

Score = Callable[[Measurement], np.ndarray]
"""From what was measured on one case, or summed over cases, to one float64 value per class."""


def dice(task: Task, params: OverlapParams) -> Score:
    """Return 2 TP / (2 TP + FP + FN) per class; a missed or spurious structure scores 0. Range 0 to 1.

    Where mask and prediction both lack the class it is `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        return ratio(2 * measured.true_positive, measured.reference + measured.predicted, params.both_empty)

    return score


def iou(task: Task, params: OverlapParams) -> Score:
    """Return TP / (TP + FP + FN) per class; a missed or spurious structure scores 0. Range 0 to 1.

    Where mask and prediction both lack the class it is `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        return ratio(measured.true_positive, measured.reference + measured.false_positive, params.both_empty)

    return score


def threshold_jaccard(task: Task, params: ThresholdParams) -> Score:
    """Return the Jaccard index, or 0 where it is below the threshold; exactly the threshold counts. Range 0 to 1."""
    jaccard = iou(task, params)

    def score(measured: Measurement) -> np.ndarray:
        values = jaccard(measured)
        return np.where(values < params.threshold, 0.0, values)

    return score


def precision(task: Task, params: SideParams) -> Score:
    """Return TP / (TP + FP) per class, the share of the prediction that is right. Range 0 to 1.

    A missed structure has no such share: it is `undefined`, and where both lack the class `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        return share(measured, measured.predicted, params)

    return score


def recall(task: Task, params: SideParams) -> Score:
    """Return TP / (TP + FN) per class, the share of the mask that is found. Range 0 to 1.

    A spurious structure has no such share: it is `undefined`, and where both lack the class `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        return share(measured, measured.reference, params)

    return score


def specificity(task: Task, params: SpecificityParams) -> Score:
    """Return TN / (TN + FP) per class, the share of what is outside that is left alone. Range 0 to 1.

    It depends on how much background the image shows. Where the class fills the whole mask it is `undefined`.
    """

    def score(measured: Measurement) -> np.ndarray:
        return ratio(measured.true_negative, measured.true_negative + measured.false_positive, params.undefined)

    return score


def npv(task: Task, params: SpecificityParams) -> Score:
    """Return TN / (TN + FN) per class, the share of what is left alone that is right to be. Range 0 to 1.

    It depends on how much background the image shows. Where the prediction fills the image it is `undefined`.
    """

    def score(measured: Measurement) -> np.ndarray:
        return ratio(measured.true_negative, measured.true_negative + measured.false_negative, params.undefined)

    return score


def balanced_accuracy(task: Task, params: BothParams) -> Score:
    """Return the mean of recall and specificity per class. Range 0 to 1.

    Where both lack the class it is `both_empty`; where the mask lacks it, or is filled by it, `undefined`.
    """

    def score(measured: Measurement) -> np.ndarray:
        inside = ratio(measured.true_positive, measured.reference, "nan")
        outside = ratio(measured.true_negative, measured.true_negative + measured.false_positive, "nan")
        return both_sides((inside + outside) / 2, measured, params)

    return score


def mcc(task: Task, params: BothParams) -> Score:
    """Return Matthews' correlation of both masks' pixels per class; 0 is what guessing gives. Range -1 to 1.

    Where both lack the class it is `both_empty`; where one of both sides is uniform and the other not `undefined`.
    """

    def score(measured: Measurement) -> np.ndarray:
        # As numbers with a point: products of four counts of a volume are beyond 64 bits.
        hit, spurious, missed, rest = (
            np.asarray(counts, dtype=np.float64)
            for counts in (
                measured.true_positive,
                measured.false_positive,
                measured.false_negative,
                measured.true_negative,
            )
        )
        sides = np.sqrt(hit + spurious) * np.sqrt(hit + missed) * np.sqrt(rest + spurious) * np.sqrt(rest + missed)
        return both_sides(ratio(hit * rest - spurious * missed, sides, "nan"), measured, params)

    return score


def both_sides(values: np.ndarray, measured: Measurement, params: BothParams) -> np.ndarray:
    """Put in what the conventions say where both lack the class, and where there is no value."""
    values = np.where(np.isnan(values), float(params.undefined or "nan"), values)
    return np.where(measured.reference + measured.predicted > 0, values, float(params.both_empty or "nan"))


def accuracy(task: Task, params: object) -> Score:
    """Return (TP + TN) / all valid pixels per class, NaN where all are to be ignored. Range 0 to 1.

    It depends on how much background the image shows.
    """

    def score(measured: Measurement) -> np.ndarray:
        right = measured.true_positive + measured.true_negative
        return ratio(right, right + measured.false_positive + measured.false_negative, "nan")

    return score


def volume_similarity(task: Task, params: OverlapParams) -> Score:
    """Return 1 - |FN - FP| / (2 TP + FP + FN) per class: equal sizes score 1, wherever they lie. Range 0 to 1.

    Where mask and prediction both lack the class it is `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        both = measured.reference + measured.predicted
        return ratio(both - np.abs(measured.predicted - measured.reference), both, params.both_empty)

    return score


def relative_volume_error(task: Task, params: VolumeErrorParams) -> Score:
    """Return (predicted - reference) / reference per class, by default without its sign. 0 is best.

    A spurious structure is `spurious`; where both lack the class it is `both_empty`.
    """

    def score(measured: Measurement) -> np.ndarray:
        error = measured.predicted - measured.reference
        values = ratio(np.abs(error) if params.absolute else error, measured.reference, params.spurious)
        return np.where(measured.reference + measured.predicted > 0, values, float(params.both_empty))

    return score


def share(measured: Measurement, side: np.ndarray, params: SideParams) -> np.ndarray:
    """Return TP / side per class; where only that side is empty `undefined`, where both are `both_empty`."""
    values = ratio(measured.true_positive, side, params.undefined)
    return np.where(measured.reference + measured.predicted > 0, values, float(params.both_empty or "nan"))


def ratio(part: np.ndarray, whole: np.ndarray, undefined: str | None) -> np.ndarray:
    """Return part / whole per class as float64, `undefined` where the whole is 0."""
    result = np.full(len(whole), float(undefined or "nan"))
    np.divide(part, whole, out=result, where=whole > 0)
    return result
