"""Checks of metrics that are taken of all cases together."""

from __future__ import annotations

import warnings

from segkit.testing.check import NotChecked, check, fail
from segkit.testing.metrics import CLASSES, SAME, empty_cases, equal, measured, ordinary_cases, task_of, text
from segkit.testing.subjects import MetricSubject


@check("metric", "cases", needs=["shape"])
def cases(subject: MetricSubject) -> None:
    """A metric over cases has a value per class in its range, whatever their order and number, and warns of none."""
    import numpy as np

    if subject.component.over == "case":
        raise NotChecked("it is taken of one case at a time")
    low, high = subject.component.range
    for dims in (2, 3):
        drawn = [case for case in [*ordinary_cases(), *empty_cases()] if case[2].ndim == dims]
        found = [measured(subject, prediction, mask, spacing) for _, prediction, mask, spacing in drawn]
        score = subject.found.load()(task_of(drawn[0][2]), subject.params)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", ResourceWarning)  # of whatever is collected meanwhile, the metric's or not
            values, turned, alone = (np.asarray(score(some), np.float64) for some in (found, found[::-1], found[-1:]))
        if caught:
            fail(f"{len(found)} cases warned: {caught[0].message}", "divide only where the denominator is above 0")
        if any(one.shape != (len(CLASSES),) for one in (values, turned, alone)):
            shapes = ", ".join(str(one.shape) for one in (values, turned, alone))
            fail(f"it returned shapes {shapes}", "return one value per class for any number of cases")
        if any(np.isfinite(value) and not low - SAME <= value <= high + SAME for value in values):
            fail(f"of {len(found)} cases in {dims}D it is {text(values)}", "mend the formula or the range")
        if not equal(values, turned):
            fail(f"the same cases in another order score {text(turned)}", "count no case by its place", text(values))
