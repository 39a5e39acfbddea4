"""Metrics that need probabilities: what they add up over blocks may depend on nothing but the probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from segkit.contracts import Measurement
from segkit.declarations import Task
from segkit.params import describe
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.subjects import MetricSubject

if TYPE_CHECKING:
    import numpy as np

CLASSES = ("class-1", "class-2")
SAME = 1e-9


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Probabilities (K, *S) float32 of a prediction that is sure of every label."""
    import numpy as np

    return np.stack([labels == label for label in range(len(CLASSES) + 1)]).astype(np.float32)


def fed(
    subject: MetricSubject, probabilities: np.ndarray, mask: np.ndarray, spacing: Any, axis: int = 0, step: int = 4
) -> Measurement:
    """What the metric adds up over one case, shown in blocks along an axis."""
    import numpy as np

    from segkit.engine.feeding import Sums, add_to
    from segkit.engine.measure import count

    infos = describe(subject.component.params)
    options = {name: getattr(subject.params, name) for name, info in infos.items() if info.measured}
    task = Task(1, CLASSES, mask.ndim)
    feed = subject.found.load("measure")(mask.copy(), spacing, task, options)
    if not callable(feed):
        fail(f"measure returned {type(feed).__name__}", "return the function that is given the blocks")
    sums: Sums = {}
    for start in range(0, mask.shape[axis], step):
        part = slice(start, min(start + step, mask.shape[axis]))
        block = tuple(part if other == axis else slice(0, side) for other, side in enumerate(mask.shape))
        add_to(sums, feed(np.ascontiguousarray(probabilities[(slice(None), *block)]), block), subject.component.name)
    labels = probabilities.argmax(axis=0).astype(np.uint8)
    counted = count(labels, mask, spacing, task)
    return Measurement(
        counted.true_positive,
        counted.false_positive,
        counted.false_negative,
        counted.true_negative,
        counted.shape,
        spacing,
        sums=sums,
    )


def soft_cases() -> Iterator[tuple[str, np.ndarray, np.ndarray, Any]]:
    """Probabilities that are neither 0 nor 1, beside masks with pixels to be ignored, 2D and 3D."""
    import numpy as np

    draw = np.random.default_rng(0)
    for shape, spacing in (((14, 19), None), ((5, 14, 19), (3.0, 1.0, 0.5))):
        mask = draw.integers(0, 3, shape).astype(np.uint8)
        mask[..., :2, :4] = 255
        yield f"{len(shape)}D", draw.dirichlet(np.ones(3), shape).astype(np.float32), mask, spacing


def moved(probabilities: np.ndarray) -> np.ndarray:
    """Bring drawn probabilities (*S, K) to (K, *S)."""
    import numpy as np

    return np.ascontiguousarray(np.moveaxis(probabilities, -1, 0))


@check("metric", "blocks", needs=["resolves"])
def blocks(subject: MetricSubject) -> None:
    """A metric that needs probabilities adds up the same int64 and float64 sums however the case is cut into blocks."""
    import numpy as np

    if subject.component.needs != "probabilities":
        raise NotChecked("it needs labels only")
    for name, drawn, mask, spacing in soft_cases():
        whole = fed(subject, moved(drawn), mask, spacing, step=mask.shape[0]).sums
        for axis, step in ((0, 1), (0, 3), (mask.ndim - 1, 2)):
            parts = fed(subject, moved(drawn), mask, spacing, axis, step).sums
            for key, value in whole.items():
                exact = value.dtype == np.int64
                same = (
                    np.array_equal(value, parts[key]) if exact else np.allclose(value, parts[key], rtol=SAME, atol=SAME)
                )
                if not same:
                    fail(
                        f"{key} on {name} is another when the case is cut along axis {axis}",
                        "add up what each pixel says alone; look at the mask beyond the block, not at the block's rim",
                    )


@check("metric", "soft-range", needs=["resolves"])
def soft_range(subject: MetricSubject) -> None:
    """On soft probabilities the values of a metric that needs them lie within the declared range, in either order."""
    import numpy as np

    if subject.component.needs != "probabilities":
        raise NotChecked("it needs labels only")
    low, high = subject.component.range
    for name, drawn, mask, spacing in soft_cases():
        scorer = subject.factory(Task(1, CLASSES, mask.ndim), subject.params)
        values = np.asarray(scorer(fed(subject, moved(drawn), mask, spacing)), dtype=np.float64)
        if not all(low - SAME <= value <= high + SAME for value in values):
            fail(
                f"on {name} they are {values.tolist()}",
                "mend the formula or the declared range",
                f"{low:g} to {high:g}",
            )
