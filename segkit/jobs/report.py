"""A finished run looked at again: its data where they still are, and pictures of its cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segkit.data.case import Case, Sample
from segkit.data.class_masks import is_class
from segkit.data.dataset import DatasetReader
from segkit.data.in_time import read_case
from segkit.data.large_array import parts_of
from segkit.discovery import Registry
from segkit.engine.measure import UNANNOTATED, CaseScores
from segkit.engine.predictions import read_prediction
from segkit.errors import SegkitError
from segkit.files import is_inside
from segkit.jobs.job import Job
from segkit.planning.reopened import reopen_data
from segkit.planning.splits import scored_cases
from segkit.report.large_pictures import Part, parts_shown, too_large, whole_shown
from segkit.report.pictures import CasePicture, choose_cases, displayable
from segkit.report.volume_pictures import volume_slice
from segkit.report.volume_viewer import shown_volume
from segkit.rundir.names import CONFIG, PREDICTIONS
from segkit.rundir.read import CaseRow, RunRecord, read_record
from segkit.statistics.failures import case_value

Tell = Callable[[str], None]
MISSED = "missed"
"""Status of a class that is in the reference and not in the prediction."""


def pictures(job: Job, scores: Sequence[CaseScores]) -> Iterator[CasePicture]:
    """Read the worst, the median and the best case again, to be shown; none where predictions were not kept."""
    plan, main = job.plan, job.parts.metrics[0]
    if not plan.config.evaluate.save_predictions:
        return
    by_case = {row.case: row.rank_value(main) for row in scores}
    cases = {case.id: case for case in plan.cases[plan.split]}
    predictions = job.folder / PREDICTIONS
    direction = main.declaration.direction
    shown = direction.named(main.name)
    for label, case_id in choose_cases(by_case, higher_is_better=direction.higher):
        found = read_scored_case(plan.reader, cases[case_id], predictions)
        yield from found.pictures(label, by_case[case_id], shown)


@dataclass(frozen=True)
class ScoredCase:
    """A case read again, with the prediction that was kept of it."""

    case: Case
    sample: Sample
    mask: np.ndarray
    prediction: np.ndarray

    def picture(self, label: str, score: float | None, score_name: str, level: int | None = None) -> CasePicture:
        """Make it into a picture: a photograph as it is, of a volume the slice `level`, or the one that tells most."""
        where, volume = "", None
        if self.sample.image.ndim == 4:
            found = volume_slice(self.sample.image, self.mask, self.prediction, self.sample.spacing, level)
            image, mask, prediction, where = found.image, found.reference, found.prediction, found.where
            if level is None:
                volume = shown_volume(self.sample.image, self.mask, self.prediction, self.sample.spacing)
        elif too_large(self.sample.image):
            return self._part(whole_shown(self.sample.image, self.mask, self.prediction), label, score, score_name)
        else:
            image, mask, prediction = displayable(self.sample.image), self.mask, self.prediction
        return CasePicture(self.case.id, label, image, mask, prediction, score, score_name, where, volume)

    def pictures(self, label: str, score: float, score_name: str) -> list[CasePicture]:
        """Make it into pictures: of a photograph too large for a page the whole, shrunk, and its worst parts."""
        if self.sample.image.ndim == 4 or not too_large(self.sample.image):
            return [self.picture(label, score, score_name)]
        parts = parts_shown(self.sample.image, self.mask, self.prediction)
        labels = [label, *(f"{label} part {number}" for number in range(1, len(parts)))]
        return [self._part(part, name, score, score_name) for name, part in zip(labels, parts, strict=True)]

    def _part(self, part: Part, label: str, score: float | None, score_name: str) -> CasePicture:
        shown = displayable(part.image), part.reference, part.prediction
        return CasePicture(self.case.id, label, *shown, score, score_name, part.where)


def read_scored_case(reader: DatasetReader, case: Case, predictions: Path) -> ScoredCase:
    """Read one case and its prediction; raises SegkitError where there is none or no mask, or their grids differ."""
    sample = read_case(reader, case)
    if sample.mask is None:
        raise SegkitError(f"case {case.id} has no mask", "show cases that have one")
    prediction = read_prediction(reader, predictions, case)
    if prediction.shape != sample.mask.shape:
        raise SegkitError(f"case {case.id} has another size than was scored", "give the folder that was scored")
    return ScoredCase(case, sample, sample.mask, prediction)


@dataclass(frozen=True)
class ScoredData:
    """What a run was scored on, found again.

    Attributes:
        cases: of the scored split, by id.
        rows: cases.csv, by case id.
        predictions: folder of the predicted label maps.
    """

    reader: DatasetReader
    cases: Mapping[str, Case]
    rows: Mapping[str, Sequence[CaseRow]]
    predictions: Path

    def read(self, case_id: str) -> ScoredCase:
        """Read one case and its prediction.

        Raises:
            SegkitError: a file is gone or broken, or the mask is another one than was scored.
        """
        if case_id not in self.cases:
            raise SegkitError(f"case {case_id} is not among the data found", "give the folder that was scored")
        shown = read_scored_case(self.reader, self.cases[case_id], self.predictions)
        classes = {name: index for index, name in enumerate(self.reader.task.classes, start=1)}
        for row in self.rows[case_id]:
            label_of = classes.get(row.class_name)
            if label_of is None or row.status == UNANNOTATED:
                continue
            marked = sum(
                int(np.count_nonzero(is_class(part, label_of, self.reader.task))) for part in parts_of(shown.mask)
            )
            if marked != row.reference:
                raise SegkitError(f"case {case_id} has another mask than was scored", "give the folder that was scored")
        return shown


def open_scored_data(
    folder: Path, registry: Registry, data_root: str | None = None, tell: Tell | None = None
) -> ScoredData:
    """Find the data of a finished run where its config says, or in `data_root`.

    Raises:
        SegkitError: they are not there, the dataset's plugin is not installed, or no predictions were kept.
    """
    predictions = folder / PREDICTIONS
    if not is_inside(folder, predictions):
        raise SegkitError(f"{PREDICTIONS} is a link that leads out of the run", "put the folder itself there")
    if not predictions.is_dir() or not any(predictions.iterdir()):
        raise SegkitError("no predictions were kept", "run with evaluate.save_predictions=true")
    reader, _ = reopen_data(folder / CONFIG, registry, data_root, tell)
    record = read_record(folder)
    rows: dict[str, list[CaseRow]] = {}
    for row in record.cases:
        rows.setdefault(row.case, []).append(row)
    cases = {case.id: case for case in scored_cases(reader, str(record.summary.get("split")))}
    return ScoredData(reader, cases, rows, predictions)


def case_values(record: RunRecord, metric: str) -> dict[str, float]:
    """Return what each case is ranked by, as `CaseScores.rank_value` has it."""
    rows: dict[str, list[CaseRow]] = {}
    for row in record.cases:
        rows.setdefault(row.case, []).append(row)
    direction = record.direction(metric)
    return {
        case: case_value(
            direction.comparable(np.array([row.values[metric] for row in classes])),
            np.array([row.status == MISSED for row in classes]),
            higher_is_better=direction.higher,
        )
        for case, classes in rows.items()
    }


def pictures_again(
    folder: Path, registry: Registry, data_root: str | None = None, tell: Tell | None = None
) -> tuple[list[CasePicture], str]:
    """Read the worst, the median and the best case of a finished run.

    Returns:
        The pictures and, where there are none, the reason in a sentence.
    """
    record = read_record(folder)
    main = record.main_metric
    values = case_values(record, main) if record.cases else {}
    try:
        data = open_scored_data(folder, registry, data_root, tell)
        direction = record.direction(main)
        chosen = choose_cases(values, higher_is_better=direction.higher)
        shown = direction.named(main)
        read = ((label, case, data.read(case)) for label, case in chosen)
        return [picture for label, case, found in read for picture in found.pictures(label, values[case], shown)], ""
    except SegkitError as problem:
        return [], problem.message
