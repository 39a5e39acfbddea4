"""What a metric takes from the readers who drew the data, such as a tolerance: how far they are apart (issue 22)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

from segkit.contracts import Measurement
from segkit.data.case import Case
from segkit.data.dataset import SPLITS
from segkit.declarations import READERS
from segkit.engine.drawn import drawings_of, every_two
from segkit.engine.measure import ChosenMetric, FromReaders, score_case
from segkit.engine.progress import Progress
from segkit.errors import SegkitError, UsageError
from segkit.planning.plan import Plan


def asks_readers(params: Any) -> str | None:
    """Return the name of a metric's param that is to be taken from the readers; None where there is none."""
    return next((field.name for field in fields(params) if getattr(params, field.name) == READERS), None)


def params_from_readers(plan: Plan, metric: ChosenMetric, take: Any, progress: Progress) -> tuple[Any, FromReaders]:
    """Return a metric's params as its readers say, and who these are.

    They are those of the first split, in the order train, val, test, that has cases drawn by several readers: what the
    metric is does then not depend on which split is scored, and as a rule not on the cases that are scored at all.

    Args:
        metric: whose params ask for the readers.
        take: the declaration's `from_readers`, imported.

    Raises:
        UsageError: no case was drawn by several readers, or two of them never drew a class both.
        SegkitError: a case cannot be read, or `take` gives no such params.
    """
    asked = f"metric.{metric.name}.{asks_readers(metric.params)}={READERS}"
    for split in SPLITS:
        images = {case.reading_of or case.id: case for case in plan.cases.get(split, ())}
        among = Among(plan, replace(metric, readers=None), [*images.values()], progress)
        params = take(plan.task, metric.params, iter(among))
        if not among.cases:
            continue
        lacking = [name for name, pairs in zip(plan.task.classes, among.pairs, strict=True) if not pairs]
        if lacking:
            raise UsageError(
                f"{asked}: in the {split} split no two readers both drew {' or '.join(lacking)}",
                f"say it in numbers, as metric.{metric.name}.{asks_readers(metric.params)}=2",
            )
        if type(params) is not type(metric.params) or asks_readers(params) is not None:
            raise SegkitError(f"metric {metric.name}: from_readers gave {params!r}", "report it to its author")
        return params, FromReaders(split, among.cases, tuple(map(int, among.pairs)))
    raise UsageError(
        f"{asked}: no case of {plan.data.component.name} was drawn by several readers",
        "say it in numbers; folders of several readers are read with data.readers",
    )


class Among:
    """What a metric measures between every two readers of cases, pair by pair.

    Attributes:
        cases: how many were drawn by several readers, of those that were looked at.
        pairs: of each class, the pairs of readers who both drew it.
    """

    def __init__(self, plan: Plan, metric: ChosenMetric, listed: list[Case], progress: Progress) -> None:
        self.plan, self.metric, self.listed, self.progress = plan, metric, listed, progress
        self.cases, self.pairs = 0, np.zeros(len(plan.task.classes), np.int64)

    def __iter__(self) -> Iterator[Measurement]:
        plan = self.plan
        self.progress.start("comparing readers", len(self.listed), "cases")
        for case in self.listed:
            drawn = drawings_of(plan.reader, case, plan.reader.task, plan.data.full_name)
            self.cases += len(drawn) > 1
            for one, other, sample in every_two([*drawn.values()]):
                measured = self.measure(case, one, other, sample.spacing)
                self.pairs += (measured.reference > 0) & (measured.predicted > 0)
                yield measured
            self.progress.advance()
        self.progress.finish()

    def measure(self, case: Case, one: np.ndarray, other: np.ndarray, spacing: tuple[float, ...] | None) -> Measurement:
        """Measure one mask against another, as a prediction against its reference."""
        kept: list[Measurement] = []

        def keep(measured: Measurement) -> np.ndarray:
            kept.append(measured)
            return np.full(len(measured.reference), np.nan)

        score_case(case, one, other, spacing, self.plan.reader.task, [replace(self.metric, score=keep)])
        return kept[0]
