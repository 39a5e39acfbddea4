"""What several readers drew of one case, two by two (issue 22)."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.case import Case, Sample
from segkit.data.check import check_sample
from segkit.data.in_time import in_time
from segkit.declarations import Task
from segkit.errors import SegkitError


def drawings_of(reader: Any, case: Case, task: Task, dataset_name: str) -> dict[str, Sample]:
    """Return a case as each of its readers drew it; nothing where its dataset has one mask of each case.

    Raises:
        SegkitError: a drawing is not one of the task, or on another grid than the others.
    """
    ask = getattr(reader, "samples_of_readers", None)
    found: Mapping[str, Sample] = {} if ask is None else in_time(functools.partial(ask, case), f"case {case.id}")
    for name, sample in found.items():
        if sample.mask is None:
            raise SegkitError(
                f"dataset {dataset_name}, case {case.id}: reader {name} has no mask",
                "samples_of_readers gives those who drew one",
            )
        check_sample(sample, case, task, dataset_name)
    return dict(found)


def every_two(drawn: Sequence[Sample]) -> Iterator[tuple[np.ndarray, np.ndarray, Sample]]:
    """Yield of every two readers the one's mask as a prediction, the other's, and the other's sample.

    What one of the two ignores, nobody can disagree on: it is ignored in both.
    """
    for one, other in itertools.combinations(drawn, 2):
        assert one.mask is not None
        assert other.mask is not None
        ignored = one.mask == IGNORE
        yield np.where(ignored, 0, one.mask), np.where(ignored, IGNORE, other.mask), other
