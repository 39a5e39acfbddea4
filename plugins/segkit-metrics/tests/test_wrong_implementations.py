"""Wrong implementations, swapped in on purpose: the checks that the right ones pass must catch each.

The scene is one row of pixels, so that every score has a closed form. Class 1: mask columns 2 to 5, prediction 4 to 9,
half a mm apart. Class 2: in the mask only. Four more predicted pixels lie where the mask is to be ignored.
"""

from dataclasses import replace

import numpy as np
import pytest

from segkit import Task
from segkit.declarations import resolve
from segkit.params import build
from segkit_metrics import measure, segkit_metrics

TASK = Task(1, ("a", "b"))
SPACING = (2.0, 0.5)
MASK, PREDICTION = np.zeros((2, 4, 12), np.uint8)
MASK[1, 2:6], PREDICTION[1, 4:10] = 1, 1
MASK[0, 8:10] = 2
MASK[3, :4], PREDICTION[3, :4] = 255, 1

INF = np.inf
EXPECTED = {
    "dice": ({}, [4 / 10, 0]),
    "iou": ({}, [2 / 8, 0]),
    "threshold-jaccard": ({"threshold": 0.25}, [2 / 8, 0]),
    "precision": ({}, [2 / 6, 0]),
    "recall": ({}, [2 / 4, 0]),
    "specificity": ({}, [36 / 40, 1]),
    "accuracy": ({}, [38 / 44, 42 / 44]),
    "npv": ({}, [36 / 38, 42 / 44]),
    "balanced-accuracy": ({}, [(2 / 4 + 36 / 40) / 2, 1 / 2]),
    "mcc": ({}, [(2 * 36 - 4 * 2) / (6 * 4 * 40 * 38) ** 0.5, 0]),
    "volume-similarity": ({}, [1 - 2 / 10, 0]),
    "relative-volume-error": ({}, [2 / 4, 1]),
    "hd": ({}, [2, INF]),
    "hd95": ({}, [1.875, INF]),
    "assd": ({}, [6.5 / 10, INF]),
    "masd": ({}, [(5 / 6 + 1.5 / 4) / 2, INF]),
    "nsd": ({"tolerance": 1}, [8 / 10, 0]),
}
METRICS = {metric.name: metric for metric in segkit_metrics() if metric.needs == "labels"}
DISTANCES = ("hd", "hd95", "assd", "masd", "nsd")
ONE_SIDED = ("precision", "recall", "specificity", "npv", "balanced-accuracy", "relative-volume-error")


def score_of(name):
    """One metric as a run builds it."""
    declared = METRICS[name]
    return resolve(declared.factory, name)(TASK, build(declared.params, EXPECTED[name][0], name))


def holds(name, measure_case=measure.measure, score=None):
    """Whether an implementation gives the scene's scores."""
    found = measure_case(PREDICTION, MASK, SPACING, TASK, {})
    return np.allclose((score or score_of(name))(found), EXPECTED[name][1], rtol=1e-9, atol=1e-12)


def swapped(prediction, mask, spacing, task, options):
    """Prediction and mask change places; what is ignored stays so."""
    ignored = mask == 255
    masked = np.where(ignored, 0, mask)
    return measure.measure(masked, np.where(ignored, 255, prediction), spacing, task, options)


def spacing_ignored(prediction, mask, spacing, task, options):
    """Distances in pixels."""
    return measure.measure(prediction, mask, None, task, options)


def spacing_reversed(prediction, mask, spacing, task, options):
    """The spacing of x, y instead of y, x."""
    return measure.measure(prediction, mask, spacing[::-1], task, options)


def ignore_not_masked(prediction, mask, spacing, task, options):
    """What is to be ignored counts as background."""
    return measure.measure(prediction, np.where(mask == 255, 0, mask), spacing, task, options)


def ignore_as_a_class(prediction, mask, spacing, task, options):
    """What is to be ignored counts as class 1, as in masks of 0 and 255."""
    return measure.measure(prediction, np.where(mask == 255, 1, mask), spacing, task, options)


def ignore_masked_in_counts_only(prediction, mask, spacing, task, options):
    """The counts are right, the distances see what is to be ignored."""
    right = measure.measure(prediction, mask, spacing, task, options)
    wrong = ignore_not_masked(prediction, mask, spacing, task, options)
    return replace(right, distances=wrong.distances)


def missed_dropped(name):
    """A missed structure is left out of the mean."""
    right = score_of(name)

    def score(measured):
        return np.where((measured.reference > 0) & (measured.predicted == 0), np.nan, right(measured))

    return score


def test_every_metric_is_on_trial():
    """No metric of label maps is left out; those of probabilities are on trial in test_calibration.py."""
    assert set(EXPECTED) == set(METRICS)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_right_implementation_holds(name):
    """The closed forms of the scene."""
    assert holds(name)


@pytest.mark.parametrize("name", EXPECTED)
def test_dropping_the_missed_is_caught(name):
    """Free false negatives."""
    assert not holds(name, score=missed_dropped(name))


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - {"recall"}))
def test_the_ignored_as_background_is_caught(name):
    """False positives where nobody knows; recall does not look at them."""
    assert not holds(name, ignore_not_masked)


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - {"specificity", "hd"}))
def test_the_ignored_as_a_class_is_caught(name):
    """Hits where nobody knows; specificity looks at none, and to hd they are zeros among larger distances."""
    assert not holds(name, ignore_as_a_class)


@pytest.mark.parametrize("name", ONE_SIDED)
def test_swapped_arguments_are_caught(name):
    """Precision for recall; the other metrics are symmetric, see the properties."""
    assert not holds(name, swapped)


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - set(ONE_SIDED)))
def test_the_symmetric_ones_do_not_mind(name):
    """Only what is one-sided is on trial for swapped arguments: class 1 scores the same either way."""
    found = swapped(PREDICTION, MASK, SPACING, TASK, {})
    np.testing.assert_allclose(score_of(name)(found)[0], EXPECTED[name][1][0], rtol=1e-9)


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("wrong", [spacing_ignored, spacing_reversed, ignore_masked_in_counts_only])
def test_wrong_distances_are_caught(name, wrong):
    """Distances in pixels, with the axes swapped, or from ignored voxels."""
    assert not holds(name, wrong)
