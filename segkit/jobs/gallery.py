"""Every scored photograph read again, to be looked at larger on the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from segkit.data.at_once import room_for
from segkit.data.case import Case
from segkit.data.prefetch import prefetch
from segkit.discovery import Registry
from segkit.engine.measure import CaseScores
from segkit.errors import SegkitError
from segkit.jobs.job import Job
from segkit.jobs.report import ScoredCase, case_values, open_scored_data, read_scored_case
from segkit.report.gallery import LargePicture, large_picture, side_for, within_bounds
from segkit.report.pictures import CasePicture
from segkit.rundir.names import PREDICTIONS
from segkit.rundir.read import read_record

Watch = Callable[[int, int], None]
"""Told how many pictures are done, of how many."""


def shown_whole(pictures: Sequence[CasePicture]) -> bool:
    """Whether what a run was scored on are photographs that a page can hold: not volumes, and not too large."""
    return bool(pictures) and not any(picture.where for picture in pictures)


def gallery(job: Job, scores: Sequence[CaseScores], watch: Watch) -> list[LargePicture]:
    """Return the cases of a run of photographs, see `shown_whole`, as larger pictures, the worst first.

    Raises:
        SegkitError: a file is gone that was there when it was scored.
    """
    plan, main = job.plan, job.parts.metrics[0]
    cases = {case.id: case for case in plan.cases[plan.split]}
    folder, direction = job.folder / PREDICTIONS, main.declaration.direction
    return drawn(
        lambda case: read_scored_case(plan.reader, cases[case], folder),
        worst_first({row.case: row.rank_value(main) for row in scores}, higher_is_better=direction.higher),
        cases,
        direction.named(main.name),
        job.workers,
        watch,
    )


def gallery_again(
    folder: Path,
    registry: Registry,
    data_root: str | None,
    pictures: Sequence[CasePicture],
    workers: int,
    watch: Watch,
) -> tuple[list[LargePicture], str]:
    """Return a finished run's cases as `gallery` does, and where there are none although there might, why."""
    if not shown_whole(pictures):
        return [], ""
    record = read_record(folder)
    direction = record.direction(record.main_metric)
    order = worst_first(case_values(record, record.main_metric), higher_is_better=direction.higher)
    try:
        data = open_scored_data(folder, registry, data_root)
        return drawn(data.read, order, data.cases, direction.named(record.main_metric), workers, watch), ""
    except SegkitError as problem:
        return [], problem.message


def worst_first(values: Mapping[str, float], *, higher_is_better: bool) -> dict[str, float]:
    """Return cases and scores with the worst first, undefined ones last, ties by id."""
    sign = 1.0 if higher_is_better else -1.0

    def key(case: str) -> tuple[bool, float, str]:
        value = values[case]
        return math.isnan(value), 0.0 if math.isnan(value) else sign * value, case

    return {case: values[case] for case in sorted(values, key=key)}


def drawn(
    read: Callable[[str], ScoredCase],
    order: Mapping[str, float],
    cases: Mapping[str, Case],
    score_name: str,
    workers: int,
    watch: Watch,
) -> list[LargePicture]:
    """Read and draw cases in an order, as many as fit into the page."""
    side = side_for(len(order))

    def draw(case: str) -> LargePicture:
        with room_for(cases[case].files if case in cases else ()):
            score = order[case]
            return large_picture(read(case).picture("", None if math.isnan(score) else score, score_name), side)

    def watched(found: Iterator[LargePicture]) -> Iterator[LargePicture]:
        for count, picture in enumerate(found, start=1):
            watch(count, len(order))
            yield picture

    with closing(prefetch(draw, order, workers)) as found:
        return within_bounds(watched(found))
