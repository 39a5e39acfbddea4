"""The pictures of a run's report: chosen cases read again, as they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from segkit.engine.evaluate import read_labels
from segkit.engine.measure import CaseScores
from segkit.report import CasePicture, choose_cases
from segkit.report.pictures import displayable
from segkit.stage import Job


def pictures(job: Job, scores: Sequence[CaseScores]) -> Iterator[CasePicture]:
    """Read the worst, the median and the best case again, to be shown; none where predictions were not kept."""
    plan, main = job.plan, job.parts.metrics[0]
    if plan.task.spatial_dims != 2 or not plan.config.evaluate.save_predictions:
        return
    by_case = {row.case: row.mean(main.name) for row in scores}
    cases = {case.id: case for case in plan.cases[plan.split]}
    for label, case_id in choose_cases(by_case, higher_is_better=main.declaration.higher_is_better):
        sample = plan.reader.read(cases[case_id])
        assert sample.mask is not None
        yield CasePicture(
            case=case_id,
            label=label,
            image=displayable(sample.image),
            reference=sample.mask,
            prediction=read_labels(job.folder / "predictions" / f"{case_id}.png"),
            score=by_case[case_id],
            score_name=main.name,
        )
