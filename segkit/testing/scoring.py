"""Metrics: used by several threads and again, at one class and at many, and what a score may not reward."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from segkit.contracts import Measurement
from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.metrics import (
    COUNTS,
    SAME,
    boxes,
    equal,
    measured,
    measured_options,
    ordinary_cases,
    score,
    task_of,
    text,
)
from segkit.testing.subjects import MetricSubject

if TYPE_CHECKING:
    import numpy as np

FORMULAS = (
    ("dice dsc f1", "2 * tp / (2 * tp + fp + fn)"),
    ("iou jaccard", "tp / (tp + fp + fn)"),
    ("precision ppv", "tp / (tp + fp)"),
    ("recall sensitivity tpr", "tp / (tp + fn)"),
    ("specificity tnr", "tn / (tn + fp)"),
    ("accuracy acc", "(tp + tn) / (tp + tn + fp + fn)"),
)
"""What everybody means by these names."""
THREADS = 4


def stripes(labels: int, shift: int, dtype: Any, shape: tuple[int, int] = (4, 2048)) -> np.ndarray:
    """A label map with a stripe of every label, moved along the last axis."""
    import numpy as np

    columns = (np.arange(shape[1]) + shift) * (labels + 1) // shape[1]
    return np.broadcast_to(np.minimum(columns, labels), shape).astype(dtype)


def scored(subject: MetricSubject, task: Task, prediction: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Scores for any task, after the counts were looked at."""
    import numpy as np

    found = subject.found.load("measure")(prediction, mask, None, task, measured_options(subject))
    compare_counts(subject, found, prediction, mask, len(task.classes))
    return np.asarray(subject.factory(task, subject.params)(found), dtype=np.float64)


@check("metric", "classes", needs=["counts"])
def classes(subject: MetricSubject) -> None:
    """Tasks of 1, 15 and 254 classes are measured like one of 2: counts of every class, a value for each."""
    import numpy as np

    for number in (1, 15, 254):
        task = Task(1, tuple(f"class-{label}" for label in range(1, number + 1)), 2)
        prediction, mask = stripes(number, 3, np.uint8), stripes(number, 0, np.uint8)
        scores = scored(subject, task, prediction, mask)
        if scores.shape != (number,):
            fail(f"for {number} classes it returned shape {scores.shape}", "return one value per class", f"({number},)")


def compare_counts(
    subject: MetricSubject, found: Measurement, prediction: np.ndarray, mask: np.ndarray, number: int
) -> None:
    """Fail where the counts of a task of many classes are wrong."""
    import numpy as np

    for label in sorted({1, number // 2 or 1, number}):
        predicted, real = prediction == label, mask == label
        expected = [
            int(np.sum(one)) for one in (predicted & real, predicted & ~real, ~predicted & real, ~predicted & ~real)
        ]
        got = [int(np.asarray(getattr(found, name))[label - 1]) for name in COUNTS]
        if got != expected and not subject.regions:
            fail(
                f"of {number} classes {label} has counts {got}",
                "compute labels * classes in int64: in uint8 and int16 they run over",
                f"{expected} (TP, FP, FN, TN)",
            )


@check("metric", "many-classes", needs=["classes"])
def many_classes(subject: MetricSubject) -> None:
    """Label maps of 300 classes in a wider type are counted rightly, or refused by a SegkitError."""
    import numpy as np

    number = 300
    task = Task(1, tuple(f"class-{label}" for label in range(1, number + 1)), 2)
    prediction, mask = stripes(number, 2, np.int32), stripes(number, 0, np.int32)
    # 255 means "ignore", whatever the type: nobody may use it as a class.
    prediction[prediction == 255], mask[mask == 255] = 0, 0
    try:
        scored(subject, task, prediction, mask)
    except SegkitError as error:
        raise NotChecked(f"it refuses them: {error.message}") from None


@check("metric", "deterministic", needs=["shape"])
def deterministic(subject: MetricSubject) -> None:
    """The same case scores the same again, whatever was scored between."""
    import numpy as np

    cases = list(ordinary_cases())
    np.random.seed(1)
    first = [score(subject, *case[1:]) for case in cases]
    np.random.seed(2)
    again = [score(subject, *case[1:]) for case in reversed(cases)][::-1]
    for (name, *_), one, other in zip(cases, first, again, strict=True):
        if not np.array_equal(one, other, equal_nan=True):
            fail(
                f"{name} scores {text(one)}, and later {text(other)}",
                "keep nothing of one case for the next, and draw no random numbers",
            )


@check("metric", "threads", needs=["deterministic"])
def threads(subject: MetricSubject) -> None:
    """Cases measured by several threads at once score what they score one by one."""
    cases = list(ordinary_cases()) * 4
    alone = [score(subject, *case[1:]) for case in cases]
    barrier = threading.Barrier(THREADS)
    functions = {dims: subject.factory(task_of(boxes((14,) * dims, 0)), subject.params) for dims in (2, 3)}

    def one(case: Any) -> Any:
        import numpy as np

        barrier.wait(timeout=30)
        _, prediction, mask, spacing = case
        found = measured(subject, prediction, mask, spacing)
        return np.asarray(functions[mask.ndim](found), dtype=np.float64)

    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(one, cases))
    for (name, *_), expected, found in zip(cases, alone, together, strict=True):
        if not equal(expected, found):
            fail(
                f"{name} scores {text(found)} beside others, alone {text(expected)}",
                "measure into arrays of the call: no globals, no attributes of a shared object",
            )


@check("metric", "measurement-kept", needs=["shape"])
def measurement_kept(subject: MetricSubject) -> None:
    """Deriving a score leaves the measurement as it is: other metrics derive theirs from it."""
    import numpy as np

    for name, prediction, mask, spacing in ordinary_cases():
        found = measured(subject, prediction, mask, spacing)
        kept = {key: np.array(getattr(found, key)) for key in COUNTS}
        distances = {key: [np.array(one) for one in found.distances[key]] for key in list(found.distances)}
        subject.factory(task_of(mask), subject.params)(found)
        changed = [key for key, value in kept.items() if not np.array_equal(value, getattr(found, key))]
        for key, arrays in distances.items():
            pairs = zip(arrays, found.distances[key], strict=True)
            changed += [] if all(np.array_equal(a, b, equal_nan=True) for a, b in pairs) else [key]
        if changed:
            fail(f"after {name} {', '.join(changed)} are other numbers", "work on copies: no += on what was measured")


@check("metric", "tells-apart", needs=["range"])
def tells_apart(subject: MetricSubject) -> None:
    """A right prediction, a shifted one, noise and none at all do not all score the same."""
    import numpy as np

    for dims in (2, 3):
        cases = [case for case in ordinary_cases() if case[2].ndim == dims]
        cases.append(("nothing", np.zeros_like(cases[0][1]), *cases[0][2:]))
        found = [(name, score(subject, p, m, s)) for name, p, m, s in cases]
        if all(equal(found[0][1], one) for _, one in found):
            fail(
                f"in {dims}D {', '.join(name for name, _ in found)} all score {text(found[0][1])}",
                "compare prediction and mask, each with its own array",
            )


@check("metric", "missed", needs=["empties"])
def missed(subject: MetricSubject) -> None:
    """A structure that is missed altogether scores no better than one of which half is found."""
    import numpy as np

    if getattr(subject.component, "target", None) is not None or subject.component.range[0] < 0:
        raise NotChecked("its values have a sign: neither up nor down is better")
    mask = boxes((14, 19), 0)
    half = mask.copy()
    half[5:8, :], half[10:, :] = 0, 0
    sign = 1 if subject.component.higher_is_better else -1
    full, part, none = (sign * score(subject, one, mask, None) for one in (mask, half, np.zeros_like(mask)))
    better = np.isfinite(none) & np.isfinite(part) & (part < full - SAME) & (none > part + SAME)
    if better.any():
        fail(
            f"a missed structure scores {text(sign * none)}, one half found {text(sign * part)}",
            "give a missed structure the worst value, inf or nan, and say which in a param",
        )


@check("metric", "absent", needs=["empties"])
def absent(subject: MetricSubject) -> None:
    """A class on neither side has no infinite value: it would make the mean of all cases infinite."""
    import numpy as np

    mask = np.zeros((14, 19), np.uint8)
    found = score(subject, mask, mask.copy(), None)
    if np.isinf(found).any():
        fail(f"it scores {text(found)}", "give nan, which is left out and counted, or the value of a perfect case")


@check("metric", "named-formula", needs=["counts"])
def named_formula(subject: MetricSubject) -> None:
    """What bears a name that everybody uses is what everybody means: recall is TP / (TP + FN)."""
    known = [number for number, (names, _) in enumerate(FORMULAS) if subject.name in names.split()]
    if not known:
        raise NotChecked("its name is none of the common ones")
    if subject.regions:
        raise NotChecked("it measures regions")
    import numpy as np

    for case, prediction, mask, spacing in ordinary_cases():
        found = score(subject, prediction, mask, spacing)
        valid = mask != 255
        for position, label in enumerate((1, 2)):
            predicted, real = (prediction == label) & valid, (mask == label) & valid
            counted = {
                "tp": int(np.sum(predicted & real)),
                "fp": int(np.sum(predicted & ~real)),
                "fn": int(np.sum(~predicted & real)),
                "tn": int(np.sum(~predicted & ~real & valid)),
            }
            expected = by_formula(known[0], counted)
            if abs(found[position] - expected) > 0.01:
                fail(
                    f"{case} scores {found[position]:.4g}",
                    "mend the formula, look whether prediction and mask are exchanged, or take another name",
                    f"{expected:.4g}, which is {FORMULAS[known[0]][1]}",
                )


def by_formula(number: int, counted: dict[str, int]) -> float:
    """The value of one of FORMULAS."""
    tp, fp, fn, tn = (counted[key] for key in ("tp", "fp", "fn", "tn"))
    above, below = (
        (2 * tp, 2 * tp + fp + fn),
        (tp, tp + fp + fn),
        (tp, tp + fp),
        (tp, tp + fn),
        (tn, tn + fp),
        (tp + tn, tp + tn + fp + fn),
    )[number]
    return above / below
