"""What is taken from several readers of one case: a metric's params from how far they are apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from segkit.declarations import READERS
from segkit.params import describe
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.metrics import boxes, measured, task_of
from segkit.testing.subjects import MetricSubject

if TYPE_CHECKING:
    from segkit.contracts import Measurement


@check("metric", "from-readers", needs=["shape"])
def from_readers(subject: MetricSubject) -> None:
    """With from_readers a param that is "readers" becomes a value, by all that is measured and by nothing else."""
    import numpy as np

    if not subject.component.from_readers:
        raise NotChecked("it takes nothing from readers")
    take = subject.found.load("from_readers")
    asked = {name: READERS for name, info in describe(subject.component.params).items() if READERS in info.type}
    params = replace(subject.params, **asked)
    for shape in ((14, 19), (5, 14, 19)):
        drawn = [(boxes(shape, shift), boxes(shape, 0), None) for shift in (1, 2)]
        pairs = [measured(subject, *one) for one in drawn]
        read: list[Measurement] = []

        def told(read: list[Measurement] = read, pairs: list[Measurement] = pairs) -> Iterator[Measurement]:
            for one in pairs:
                read.append(one)
                yield one

        task = task_of(boxes(shape, 0))
        found: Any = take(task, params, told())
        if len(read) < len(pairs):
            fail(f"of {len(pairs)} measurements it read {len(read)}", "read the whole iterator")
        if type(found) is not type(params) or any(getattr(found, name) == READERS for name in asked):
            fail(f"it returned {found!r}", "return the params with values in the place of 'readers'")
        if take(task, params, iter(pairs)) != found:
            fail("the same measurements gave other params", "let nothing but the measurements decide")
        values = np.asarray(subject.factory(task, found)(pairs[0]), dtype=np.float64)
        if np.isnan(values).any():
            fail("with them two readers who drew a class have no score", "return values that the factory takes")
