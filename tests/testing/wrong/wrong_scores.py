"""Metrics of counts and of all cases together that are each wrong in one way."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from metric_base import COUNTS, METRICS, dice, taken

import segkit


def measuring(check, says, *also, **declares):
    """Register a wrong measure; its score is dice."""

    def register(function):
        def build(task, params):
            return dice

        build.__name__ = function.__name__
        path = f"wrong_scores:{function.__name__}"
        METRICS.add(check, says, *also, **{"measure": path, "poolable": True, **declares})(build)
        return function

    return register


def scoring(check, says, *also, **declares):
    """Register a wrong score; what is measured is right."""

    def register(function):
        def build(task, params):
            return function

        build.__name__ = function.__name__
        METRICS.add(check, says, *also, **{"measure": "metric_base:taken", "poolable": True, **declares})(build)
        return function

    return register


@measuring("counts", "in int64")
def counts_in_int32(prediction, mask, spacing, task, options):
    found = taken(prediction, mask, spacing, task)
    return taken(prediction, mask, spacing, task, **{name: getattr(found, name).astype(np.int32) for name in COUNTS})


@measuring("counts", "where mask != 255")
def counts_ignored(prediction, mask, spacing, task, options):
    return taken(prediction, np.where(mask == segkit.IGNORE, 0, mask), spacing, task)


@measuring("counts", "false positives are the prediction's")
def prediction_and_mask_exchanged(prediction, mask, spacing, task, options):
    found = taken(prediction, mask, spacing, task)
    return taken(
        prediction, mask, spacing, task, false_positive=found.false_negative, false_negative=found.false_positive
    )


@measuring("counts", "class n has label n", "symmetry")
def labels_from_zero(prediction, mask, spacing, task, options):
    valid = mask != segkit.IGNORE
    pairs = [(prediction == label, mask == label) for label in range(len(task.classes))]
    return taken(
        prediction, mask, spacing, task, true_positive=np.array([(p & r & valid).sum() for p, r in pairs], np.int64)
    )


@measuring("counts", "spacing=spacing")
def spacing_not_noted(prediction, mask, spacing, task, options):
    return taken(prediction, mask, None, task)


@measuring("shape", "return a segkit.Measurement")
def a_number_in_place_of_a_measurement(prediction, mask, spacing, task, options):
    return float((prediction == mask).mean())


def pairs_in(kind, prediction, mask, spacing, task):
    """Count label pairs in one go, in a type."""
    labels = len(task.classes) + 1
    valid = mask != segkit.IGNORE
    pair = mask[valid].astype(kind) * np.array(labels, kind) + prediction[valid].astype(kind)
    table = np.bincount(pair.astype(np.int64) % labels**2, minlength=labels**2)[: labels**2].reshape(labels, labels)
    agreed = table.diagonal()
    missed, spurious = table.sum(1) - agreed, table.sum(0) - agreed
    rest = table.sum() - agreed - missed - spurious
    parts = dict(zip(COUNTS, (agreed[1:], spurious[1:], missed[1:], rest[1:]), strict=True))
    return taken(prediction, mask, spacing, task, **{key: value.astype(np.int64) for key, value in parts.items()})


@measuring("classes", "in uint8 and int16 they run over")
def pairs_in_uint8(prediction, mask, spacing, task, options):
    return pairs_in(np.uint8, prediction, mask, spacing, task)


@measuring("many-classes", "they run over")
def pairs_in_uint16(prediction, mask, spacing, task, options):
    return pairs_in(np.uint16, prediction, mask, spacing, task)


@measuring("many-classes", "they run over")
def labels_as_uint8(prediction, mask, spacing, task, options):
    return taken(prediction.astype(np.uint8), mask.astype(np.uint8), spacing, task)


@measuring("inputs-kept", "work on a copy")
def mask_in_place(prediction, mask, spacing, task, options):
    prediction[mask == segkit.IGNORE] = 0
    return taken(prediction, mask, spacing, task)


SHARED = {}


@measuring("threads", "measure into arrays of the call")
def global_buffer(prediction, mask, spacing, task, options):
    SHARED["pair"] = prediction, mask
    time.sleep(0.002)
    return taken(SHARED["pair"][0], SHARED["pair"][1], spacing, task, shape=mask.shape)


SEEN = {}


@measuring("deterministic", "keep nothing of one case")
def remembers_the_first(prediction, mask, spacing, task, options):
    found = taken(prediction, mask, spacing, task)
    SEEN["calls"] = SEEN.get("calls", 0) + 1
    places = {"calls": [np.array([float(SEEN["calls"])])]}
    return taken(prediction, mask, spacing, task, distances=places) if found is not None else None


def _score_of_calls(measured):
    calls = measured.distances["calls"][0][0] if measured.distances else 0.0
    return dice(measured) * (1 - 1e-6 * calls)


METRICS["remembers-the-first"] = METRICS["remembers-the-first"].__class__(
    "deterministic",
    "keep nothing of one case",
    lambda task, params: _score_of_calls,
    ("symmetry", "spacing", "threads"),
    {"measure": "wrong_scores:remembers_the_first", "poolable": False},
)


@scoring("deterministic", "draw no random numbers", "symmetry", "spacing", "poolable", "threads")
def bootstrapped_score(measured):
    return dice(measured) * (1 - 1e-3 * np.random.random())


@scoring("measurement-kept", "work on copies", "deterministic", "threads")
def adds_in_place(measured):
    value = dice(measured)
    found = measured.true_positive
    found += 1
    return value


@scoring("range", "declared range")
def percent(measured):
    return 100 * dice(measured)


@scoring("perfect", "higher_is_better=False")
def one_minus_dice(measured):
    return 1 - dice(measured)


@scoring("empties", "divide only where")
def divides_by_zero(measured):
    return 2 * measured.true_positive / (measured.reference + measured.predicted)


@scoring("classes", "one value per class", "empties", "range")
def two_values_whatever(measured):
    found = dice(measured)
    return found[:2] if len(found) > 1 else np.array([found[0], found[0]])


@scoring("shape", "return one value per class")
def mean_of_the_classes(measured):
    return np.nanmean(np.append(dice(measured), 0.0))


@scoring("tells-apart", "compare prediction and mask")
def constant(measured):
    return np.ones(len(measured.true_positive))


@scoring("missed", "give a missed structure the worst value")
def missed_is_perfect(measured):
    return np.where(measured.predicted == 0, 1.0, dice(measured))


@scoring("symmetry", "treat all classes alike")
def first_class_alone(measured):
    found = dice(measured)
    return np.where(np.arange(len(found)) == 0, found, found * 0.9)


@scoring("named-formula", "prediction and mask are exchanged", name="recall")
def recall_of_the_prediction(measured):
    return np.where(measured.predicted == 0, np.nan, measured.true_positive / np.maximum(measured.predicted, 1))


@scoring("named-formula", "2 * tp", name="dice")
def dice_that_is_iou(measured):
    total = measured.reference + measured.predicted - measured.true_positive
    return np.where(total == 0, np.nan, measured.true_positive / np.maximum(total, 1))


@scoring("poolable", "declare poolable=False")
def shape_needed(measured):
    return dice(measured) * (1.0 if measured.shape else 0.5)


def over_cases(check, says, *also):
    """Register a wrong score of all cases together."""

    def register(function):
        def build(task, params):
            return function

        build.__name__ = function.__name__
        METRICS.add(check, says, *also, measure="metric_base:taken", over="cases")(build)
        return function

    return register


def known_dice(cases):
    """Return each case's dice, 0 where it has none, and where it has one: (cases, classes) both."""
    each = np.stack([dice(case) for case in cases])
    return np.nan_to_num(each), np.isfinite(each)


def weighted(cases, weights):
    """Take the weighted mean of the cases that have the class, NaN where none has it."""
    each, known = known_dice(cases)
    shares = np.asarray(weights, np.float64)[:, None] * known
    return np.where(known.any(0), (each * shares).sum(0) / np.maximum(shares.sum(0), 1e-9), np.nan)


@over_cases("cases", "count no case by its place")
def later_cases_count_more(cases):
    return weighted(cases, range(1, len(cases) + 1))


@over_cases("cases", "mend the formula or the range")
def sum_in_place_of_mean(cases):
    each, known = known_dice(cases)
    return np.where(known.any(0), each.sum(0), np.nan)


@over_cases("cases", "one value per class for any number of cases")
def one_nan_for_one_case(cases):
    return weighted(cases, [1] * len(cases)) if len(cases) > 1 else float("nan")


@over_cases("cases", "divide only where", "empties")
def mean_of_no_case(cases):
    return np.nanmean([dice(case) for case in cases], axis=0)


@METRICS.add("globals", "numpy.seterr", measure="metric_base:taken", poolable=True)
def silences_numpy(task, params):
    def score(measured):
        np.seterr(**{key: "print" if value == "ignore" else "ignore" for key, value in np.geterr().items()})
        return dice(measured)

    return score


@METRICS.add("silent", "print", measure="metric_base:taken", poolable=True)
def prints(task, params):
    def score(measured):
        print(measured.true_positive)
        return dice(measured)

    return score


@dataclass(frozen=True)
class Tolerance:
    """Params of a metric with a tolerance."""

    tolerance: float = segkit.param(1.0, "Distance that is let through in mm.", min=0, measured=True)


@METRICS.add("params-effect", "tolerance", measure="metric_base:taken", params=Tolerance, poolable=True)
def param_forgotten(task, params):
    return dice
