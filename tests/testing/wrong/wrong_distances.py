"""Metrics of distances and sizes in space that are each wrong in one way."""

from __future__ import annotations

import numpy as np
from metric_base import METRICS, taken

import segkit

INFINITY = float("inf")
DISTANCE = {"unit": "mm", "range": (0.0, INFINITY), "higher_is_better": False, "poolable": False}


def extents(steps_of):
    """Measure the diagonal of each class's box, in steps."""

    def measure(prediction, mask, spacing, task, options):
        steps = np.asarray(steps_of(mask.ndim, spacing))
        valid = mask != segkit.IGNORE

        def extent(side):
            found = np.argwhere(side)
            return float(np.hypot.reduce((np.ptp(found, axis=0)) * steps)) if len(found) else float("nan")

        pairs = [(prediction == label, mask == label) for label in range(1, len(task.classes) + 1)]
        found = [np.array([extent(p & valid), extent(r & valid)]) for p, r in pairs]
        return taken(prediction, mask, spacing, task, distances={"extent": found})

    return measure


def extent_error(measured):
    """Derive the difference of the diagonals."""
    return np.array([abs(p - r) for p, r in measured.distances["extent"]])


in_pixels = extents(lambda dims, spacing: (1.0,) * dims)
turned_round = extents(lambda dims, spacing: (1.0,) * dims if spacing is None else spacing[::-1])
first_alone = extents(lambda dims, spacing: (1.0,) * dims if spacing is None else (spacing[0],) * dims)
own_steps = extents(lambda dims, spacing: (1.0,) * dims if spacing is None else spacing)
no_steps = extents(lambda dims, spacing: spacing)
MM = "wrong_distances:own_steps"


@METRICS.add("spacing", "multiply steps by the spacing", measure="wrong_distances:in_pixels", **DISTANCE)
def spacing_ignored(task, params):
    return extent_error


@METRICS.add("symmetry", "use each axis's own spacing", measure="wrong_distances:turned_round", **DISTANCE)
def spacing_turned_round(task, params):
    return extent_error


@METRICS.add("symmetry", "use each axis's own spacing", measure="wrong_distances:first_alone", **DISTANCE)
def spacing_of_one_axis(task, params):
    return extent_error


@METRICS.add("shape", "in wrong_distances.py line", measure="wrong_distances:no_steps", **DISTANCE)
def no_spacing_is_an_error(task, params):
    return extent_error


@METRICS.add("unit", "say unit='mm' and score in it", measure=MM, **{**DISTANCE, "unit": ""})
def distance_without_a_unit(task, params):
    return extent_error


@METRICS.add("unit", "say unit='mm' and score in it", measure=MM, **{**DISTANCE, "unit": "px"})
def distance_in_pixels(task, params):
    return extent_error


@METRICS.add("unit", "write unit='mm'", measure=MM, **{**DISTANCE, "unit": "Millimetres"})
def unit_in_words(task, params):
    return extent_error


@METRICS.add("unit", "say unit='ml' and score in it", measure="metric_base:taken", **{**DISTANCE, "unit": "voxels"})
def volume_without_a_unit(task, params):
    def score(measured):
        size = float(np.prod(measured.spacing)) if measured.spacing else 1.0
        return np.abs(measured.predicted - measured.reference) * size

    return score


@METRICS.add("absent", "give nan", measure=MM, **DISTANCE)
def absent_is_infinite(task, params):
    return lambda measured: np.nan_to_num(extent_error(measured), nan=INFINITY)


@METRICS.add("missed", "give a missed structure", measure=MM, **DISTANCE)
def missed_distance_is_zero(task, params):
    return lambda measured: np.nan_to_num(extent_error(measured), nan=0.0)
