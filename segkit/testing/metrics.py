"""Metrics: counts, range, conventions for empty structures, and what a score may depend on."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from segkit.contracts import IGNORE, Measurement
from segkit.declarations import Task
from segkit.params import describe
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.probabilities import fed, one_hot
from segkit.testing.subjects import MetricSubject
from segkit.testing.tensors import times

if TYPE_CHECKING:
    import numpy as np

Case = tuple[str, "np.ndarray", "np.ndarray", "tuple[float, ...] | None"]
"""A name, a prediction, a mask and a spacing."""
CLASSES = ("class-1", "class-2")
COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")
SAME = 1e-9
SINGLE = (frozenset({1}), frozenset({2}))
"""The labels that the values of an ordinary metric are of."""


def boxes(shape: tuple[int, ...], shift: int) -> np.ndarray:
    """A label map with one box of label 1 and one of label 2, moved along the last axis."""
    import numpy as np

    labels = np.zeros(shape, np.uint8)
    body = tuple(slice(1, side - 1) for side in shape[:-2])
    labels[(*body, slice(2, 7), slice(2 + shift, 9 + shift))] = 1
    labels[(*body, slice(8, 11), slice(3 + shift, 12 + 2 * shift))] = 2
    return labels


def ordinary_cases() -> Iterator[Case]:
    """Photographs and volumes where both classes are in mask and prediction."""
    import numpy as np

    for shape, spacing in (((14, 19), None), ((5, 14, 19), (3.0, 1.0, 0.5))):
        mask = boxes(shape, 0)
        mask[..., :2, :4] = IGNORE
        for name, prediction in (
            ("a right prediction", boxes(shape, 0)),
            ("a shifted one", boxes(shape, 2)),
            ("noise", np.random.default_rng(0).integers(0, 3, shape).astype(np.uint8)),
        ):
            yield f"{name} in {len(shape)}D", prediction, mask, spacing


def empty_cases() -> Iterator[Case]:
    """Cases where a class is missing on one side or both, or nothing can be scored."""
    import numpy as np

    for shape, spacing in (((14, 19), None), ((5, 14, 19), (3.0, 1.0, 0.5))):
        both, nothing = boxes(shape, 0), np.zeros(shape, np.uint8)
        only = np.where(both == 1, both, 0).astype(np.uint8)
        yield "no structure on either side", nothing, nothing.copy(), spacing
        yield "every structure missed", nothing, both, spacing
        yield "spurious structures alone", both, nothing, spacing
        yield "one class missed", only, both, spacing
        yield "one class spurious", both, only, spacing
        yield "nothing but ignored pixels", both, np.full(shape, IGNORE, np.uint8), spacing


def task_of(mask: np.ndarray) -> Task:
    """The task of a label map."""
    return Task(1, CLASSES, mask.ndim)


def measured(subject: MetricSubject, prediction: np.ndarray, mask: np.ndarray, spacing: Any) -> Measurement:
    """What the metric measures on one case."""
    if subject.component.needs == "probabilities":
        return fed(subject, one_hot(prediction), mask, spacing)
    options = measured_options(subject)
    found = subject.found.load("measure")(prediction.copy(), mask.copy(), spacing, task_of(mask), options)
    if not isinstance(found, Measurement):
        fail(f"measure returned {type(found).__name__}", "return a segkit.Measurement")
    return found


def measured_options(subject: MetricSubject) -> dict[str, Any]:
    """The params that change what is measured."""
    infos = describe(subject.component.params)
    return {name: getattr(subject.params, name) for name, info in infos.items() if info.measured}


def score(subject: MetricSubject, prediction: np.ndarray, mask: np.ndarray, spacing: Any) -> np.ndarray:
    """The metric's values on one case, one per class."""
    import numpy as np

    found = measured(subject, prediction, mask, spacing)
    values = subject.factory(task_of(mask), subject.params)(found)
    scores = np.asarray(values, dtype=np.float64)
    if scores.shape != (len(CLASSES),):
        fail(f"it returned shape {scores.shape}", "return one value per class", f"({len(CLASSES)},) values")
    return scores


def equal(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether values are equal but for rounding, NaN and infinities in the same places."""
    import numpy as np

    return bool(np.allclose(first, second, rtol=SAME, atol=SAME, equal_nan=True))


def text(values: np.ndarray) -> str:
    """Write values for people."""
    return ", ".join(f"{value:.6g}" for value in values)


def regions_of(subject: MetricSubject) -> tuple[frozenset[int], ...]:
    """Find out whether a metric measures unions of labels, by the sizes that it gives; empty where it does not.

    A value of one label alone, in another place than its own, is no region but a mistake.
    """
    import numpy as np

    _, prediction, mask, spacing = next(ordinary_cases())
    valid, found = mask != IGNORE, measured(subject, prediction, mask, spacing)
    sizes = {int(np.isin(mask[valid], labels).sum()): frozenset(labels) for labels in ([1], [2], [1, 2])}
    sets = [sizes.get(int(size)) for size in np.asarray(found.true_positive) + np.asarray(found.false_negative)]
    named = tuple(one for one in sets if one is not None)
    distinct = len(named) == len(sets) == len({*named}) == len(CLASSES)
    return named if distinct and any(len(one) > 1 for one in named) else ()


@check(
    "metric",
    "shape",
    needs=["resolves"],
    raised="take any number of axes, and steps of 1 along each where spacing is None",
)
def shape(subject: MetricSubject) -> None:
    """It measures photographs and volumes, with a spacing and without, and gives one value per class."""
    for _, prediction, mask, spacing in ordinary_cases():
        for steps in (spacing, None):
            score(subject, prediction, mask, steps)


@check("metric", "counts", needs=["shape"])
def counts(subject: MetricSubject) -> None:
    """Counts are int64 per class, those of the masks' valid pixels, and the grid and spacing are noted."""
    import numpy as np

    if subject.component.needs == "probabilities":
        raise NotChecked("the core counts pixels for it")
    for name, prediction, mask, spacing in [*ordinary_cases(), *empty_cases()]:
        found, valid = measured(subject, prediction, mask, spacing), mask != IGNORE
        sets = subject.regions or SINGLE
        pairs = [(np.isin(prediction[valid], [*labels]), np.isin(mask[valid], [*labels])) for labels in sets]
        expected = {
            "true_positive": [np.sum(p & r) for p, r in pairs],
            "false_positive": [np.sum(p & ~r) for p, r in pairs],
            "false_negative": [np.sum(~p & r) for p, r in pairs],
            "true_negative": [np.sum(~p & ~r) for p, r in pairs],
        }
        for key in COUNTS:
            value = np.asarray(getattr(found, key))
            if value.dtype != np.int64 or value.tolist() != [int(count) for count in expected[key]]:
                fail(
                    f"{key} on {name} is {value.tolist()} of type {value.dtype}",
                    f"count in int64 where mask != {IGNORE}; class n has label n, false positives are the prediction's",
                    f"{[int(count) for count in expected[key]]} of type int64",
                )
        if tuple(found.shape) != mask.shape or found.spacing != spacing:
            fail(
                f"shape {found.shape}, spacing {found.spacing}",
                "give the Measurement shape=mask.shape and spacing=spacing",
                f"{mask.shape}, {spacing}",
            )


@check("metric", "range", needs=["shape"])
def in_range(subject: MetricSubject) -> None:
    """Values lie within the declared range where both classes are on both sides."""
    if subject.component.over == "cases":
        raise NotChecked("one case has no value: see the check 'cases'")
    low, high = subject.component.range
    for name, prediction, mask, spacing in ordinary_cases():
        values = score(subject, prediction, mask, spacing)
        if not all(low - SAME <= value <= high + SAME for value in values):
            fail(f"on {name} they are {text(values)}", "mend the formula or the declared range", f"{low:g} to {high:g}")


@check("metric", "empties", needs=["shape"])
def empties(subject: MetricSubject) -> None:
    """Missing structures give a value in the range, NaN or an infinity, without an exception or a warning."""
    import numpy as np

    low, high = subject.component.range
    for name, prediction, mask, spacing in empty_cases():
        with warnings.catch_warnings(record=True) as caught, np.errstate(all="warn"):
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", ResourceWarning)  # of whatever is collected meanwhile
            try:
                values = score(subject, prediction, mask, spacing)
            except (ArithmeticError, ValueError, IndexError, KeyError) as error:
                fail(f"{name} raised {type(error).__name__}: {error}", "say in a param what such a class scores")
        if caught:
            fail(f"{name} warned: {caught[0].message}", "divide only where the denominator is above 0")
        absent = [not ((mask == label).any() and (prediction == label).any()) for label in (1, 2)]
        if any(np.isfinite(value) and not low - SAME <= value <= high + SAME for value in values[absent]):
            fail(f"{name} scored {text(values)}", "take a value of the range, nan or inf", f"{low:g} to {high:g}")


@check("metric", "perfect", needs=["shape"])
def perfect(subject: MetricSubject) -> None:
    """A perfect prediction scores no worse than any other: up, down or nearest to a target, as it is declared."""

    higher, target = subject.component.higher_is_better, subject.component.target
    low, high = subject.component.range
    best: dict[int, np.ndarray] = {}
    for name, prediction, mask, spacing in ordinary_cases():
        values = score(subject, prediction, mask, spacing)
        top = best.setdefault(mask.ndim, values)
        if target is None and low < 0 < high and bool((abs(top) < SAME).all()):
            # A signed error, 0 where nothing is wrong: neither up nor down is better.
            target = 0.0
        if target is not None:
            worse, mend = (
                abs(values - target) < abs(top - target) - SAME,
                f"declare target={text(top[:1])}, or mend the formula",
            )
        else:
            worse = (values > top + SAME) if higher else (values < top - SAME)
            mend = f"declare higher_is_better={not higher}, or target=... where values go both ways"
        if worse.any():
            fail(f"{name} scores {text(values)}, the mask itself {text(top)}", mend)


@check("metric", "symmetry", needs=["shape"])
def symmetry(subject: MetricSubject) -> None:
    """Mirrored or turned cases score the same, and exchanged labels exchange the values."""
    import numpy as np

    for name, prediction, mask, spacing in ordinary_cases():
        values = score(subject, prediction, mask, spacing)
        for axis in range(mask.ndim):
            found = score(subject, np.flip(prediction, axis), np.flip(mask, axis), spacing)
            if not equal(values, found):
                fail(
                    f"{name} mirrored along axis {axis} scores {text(found)}",
                    "count no pixel by its place",
                    text(values),
                )
        for axes in itertools.permutations(range(mask.ndim)):
            steps = spacing and tuple(spacing[axis] for axis in axes)
            found = score(subject, prediction.transpose(axes), mask.transpose(axes), steps)
            if not equal(values, found):
                fail(f"{name} with axes {axes} scores {text(found)}", "use each axis's own spacing", text(values))
        if subject.regions:
            continue
        swap = np.arange(256, dtype=np.uint8)
        swap[[1, 2]] = 2, 1
        found = score(subject, swap[prediction], swap[mask], spacing)
        if not equal(values[::-1], found):
            fail(f"{name} with labels exchanged scores {text(found)}", "treat all classes alike", text(values[::-1]))


@check("metric", "spacing", needs=["shape"])
def spacing(subject: MetricSubject) -> None:
    """Distances in mm, areas and volumes grow with the spacing, and without one pixels count as 1."""
    unit = subject.component.unit
    for name, prediction, mask, _ in ordinary_cases():
        values = score(subject, prediction, mask, None)
        found = score(subject, prediction, mask, (1.0,) * mask.ndim)
        if unit in ("mm2", "mm3", "ml"):
            power = 2 if unit == "mm2" else 3
            wanted = 2.5**power * found
            found = score(subject, prediction, mask, (2.5,) * mask.ndim)
            if power == mask.ndim and not equal(wanted, found):
                fail(f"{name} scores {text(found)} at spacing 2.5", "multiply pixels by their size", text(wanted))
            continue
        if not equal(values, found):
            fail(
                f"{name} scores {text(found)} at spacing 1, without {text(values)}", "count without a spacing in pixels"
            )
        if unit == "mm":
            found = score(subject, prediction, mask, (2.5,) * mask.ndim)
            if not equal(2.5 * values, found):
                fail(f"{name} scores {text(found)} at spacing 2.5", "multiply steps by the spacing", text(2.5 * values))


@check("metric", "poolable", needs=["shape"])
def poolable(subject: MetricSubject) -> None:
    """A metric declared poolable derives its value from counts alone: pooled, there is no grid, spacing or distance."""
    import numpy as np

    if not subject.component.poolable:
        raise NotChecked("it is not declared poolable")
    for name, prediction, mask, steps in ordinary_cases():
        found = measured(subject, prediction, mask, steps)
        counted = subject.factory(task_of(mask), subject.params)(replace(found, distances={}, shape=(), spacing=None))
        values = score(subject, prediction, mask, steps)
        if not equal(values, np.asarray(counted, dtype=np.float64)):
            fail(f"{name} scores {text(np.asarray(counted))} from counts alone", "declare poolable=False", text(values))


@check("metric", "inputs-kept", needs=["shape"])
def inputs_kept(subject: MetricSubject) -> None:
    """Prediction and mask are as they were: other metrics read them too."""
    import numpy as np

    if subject.component.needs == "probabilities":
        raise NotChecked("it is given probabilities")
    options = measured_options(subject)
    for _, prediction, mask, steps in ordinary_cases():
        kept = prediction.copy(), mask.copy()
        found = subject.found.load("measure")(prediction, mask, steps, task_of(mask), options)
        subject.factory(task_of(mask), subject.params)(found)
        if not (np.array_equal(kept[0], prediction) and np.array_equal(kept[1], mask)):
            fail(f"an array of {times(mask.shape)} was changed in place", "work on a copy")
