"""The pictures of a run's report: chosen cases read again, as they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segkit.data.case import Case, Sample
from segkit.data.dataset import DatasetReader
from segkit.engine.measure import CaseScores
from segkit.engine.predictions import read_prediction
from segkit.errors import SegkitError
from segkit.report import CasePicture, choose_cases
from segkit.report.pictures import displayable
from segkit.report.volume_pictures import volume_slice
from segkit.stage import Job


def pictures(job: Job, scores: Sequence[CaseScores]) -> Iterator[CasePicture]:
    """Read the worst, the median and the best case again, to be shown; none where predictions were not kept."""
    plan, main = job.plan, job.parts.metrics[0]
    if not plan.config.evaluate.save_predictions:
        return
    by_case = {row.case: row.mean(main.name) for row in scores}
    cases = {case.id: case for case in plan.cases[plan.split]}
    predictions = job.folder / "predictions"
    for label, case_id in choose_cases(by_case, higher_is_better=main.declaration.higher_is_better):
        yield shown_case(plan.reader, cases[case_id], predictions).picture(label, by_case[case_id], main.name)


@dataclass(frozen=True)
class ShownCase:
    """A case read again, with the prediction that was kept of it."""

    case: Case
    sample: Sample
    mask: np.ndarray
    prediction: np.ndarray

    def picture(self, label: str, score: float, score_name: str, level: int | None = None) -> CasePicture:
        """Make it into a picture: a photograph as it is, of a volume the slice `level`, or the one that tells most."""
        where = ""
        if self.mask.ndim == 3:
            found = volume_slice(self.sample.image, self.mask, self.prediction, self.sample.spacing, level)
            image, mask, prediction, where = found.image, found.reference, found.prediction, found.where
        else:
            image, mask, prediction = displayable(self.sample.image), self.mask, self.prediction
        return CasePicture(self.case.id, label, image, mask, prediction, score, score_name, where)


def shown_case(reader: DatasetReader, case: Case, predictions: Path) -> ShownCase:
    """Read one case and its prediction; raises SegkitError where there is none or no mask, or their grids differ."""
    sample = reader.read(case)
    if sample.mask is None:
        raise SegkitError(f"case {case.id} has no mask", "show cases that have one")
    prediction = read_prediction(reader, predictions, case)
    if prediction.shape != sample.mask.shape:
        raise SegkitError(f"case {case.id} has another size than was scored", "give the folder that was scored")
    return ShownCase(case, sample, sample.mask, prediction)
