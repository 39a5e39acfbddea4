"""The pictures of a run's report: chosen cases read again, as they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.engine.measure import CaseScores
from segkit.engine.predictions import read_prediction
from segkit.errors import SegkitError
from segkit.report import CasePicture, choose_cases
from segkit.report.pictures import displayable
from segkit.stage import Job


def pictures(job: Job, scores: Sequence[CaseScores]) -> Iterator[CasePicture]:
    """Read the worst, the median and the best case again, to be shown; none where predictions were not kept."""
    plan, main = job.plan, job.parts.metrics[0]
    if not can_be_shown(plan.reader) or not plan.config.evaluate.save_predictions:
        return
    by_case = {row.case: row.mean(main.name) for row in scores}
    cases = {case.id: case for case in plan.cases[plan.split]}
    predictions = job.folder / "predictions"
    for label, case_id in choose_cases(by_case, higher_is_better=main.declaration.higher_is_better):
        yield case_picture(plan.reader, cases[case_id], predictions, label, by_case[case_id], main.name)


def can_be_shown(reader: DatasetReader) -> bool:
    """Whether cases of this dataset can be made into pictures."""
    return reader.task.spatial_dims == 2


def case_picture(
    reader: DatasetReader, case: Case, predictions: Path, label: str, score: float, score_name: str
) -> CasePicture:
    """Read one case and the prediction that was kept of it; raises SegkitError where there is none or no mask."""
    sample = reader.read(case)
    if sample.mask is None:
        raise SegkitError(f"case {case.id} has no mask", "show cases that have one")
    return CasePicture(
        case=case.id,
        label=label,
        image=displayable(sample.image),
        reference=sample.mask,
        prediction=read_prediction(reader, predictions, case),
        score=score,
        score_name=score_name,
    )
