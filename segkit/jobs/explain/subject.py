"""One image with its masks, explained by several explainers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segkit.data.case import Case, Sample
from segkit.data.dataset import DatasetReader
from segkit.data.in_time import read_case
from segkit.data.reading import read_at
from segkit.declarations import Task
from segkit.engine.infer import Predictor
from segkit.engine.memory import enough_memory
from segkit.engine.volumes import VolumePredictor
from segkit.errors import SegkitError, UsageError
from segkit.explain.any_image import explain_any
from segkit.explain.case import BuiltExplainer
from segkit.explain.evidence import EvidenceSettings
from segkit.explain.explanation import Explanation
from segkit.explain.images import Wish
from segkit.explain.region import Region
from segkit.explain.targets import parse_target
from segkit.settings import Explain

MOST_PIXELS = 50_000_000
"""Of a photograph that is explained: with 81 million it took 13 seconds and 2.3 GiB for one map (issue 19)."""
Postprocess = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Subject:
    """What is explained.

    Attributes:
        name: of its files: a case's id, or a file's name without ending.
        image: (C, *S) on its own grid, of the file's type.
        shown: what the network is given where that was decoded at working size, else the image.
        reference: mask (*S), None where there is none.
        file, format: of a volume, and the reader class that may write a map beside it.
        label: why it is explained: "worst", "median", "best"; "" for a file.
        score, score_name: None where it was not scored.
    """

    name: str
    image: np.ndarray
    shown: np.ndarray
    reference: np.ndarray | None = None
    spacing: tuple[float, ...] | None = None
    file: Path | None = None
    format: Any = None
    label: str = ""
    score: float | None = None
    score_name: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """The own grid."""
        return self.image.shape[1:]


def make_wish(settings: Explain, task: Task, declared: Mapping[str, str]) -> Wish:
    """Read the settings of section `explain`; raises UsageError where the target cannot be meant."""
    evidence = EvidenceSettings(settings.steps, settings.baseline, settings.seeds) if settings.evidence else None
    return Wish(parse_target(settings.target, task), settings.classes, settings.layer, declared, evidence)


def case_subject(
    reader: DatasetReader, dataset_name: str, case: Case, predictor: Predictor | VolumePredictor
) -> Subject:
    """Read a case as scoring reads it, and a photograph once more at its own resolution to be shown."""
    with enough_memory(case.id):
        return read_subject(reader, dataset_name, case, predictor)


def read_subject(
    reader: DatasetReader, dataset_name: str, case: Case, predictor: Predictor | VolumePredictor
) -> Subject:
    """Read a case as `case_subject` gives it."""
    if predictor.volumes:
        volume = read_case(reader, case)
        file = case.files[0] if case.files else None
        return Subject(case.id, volume.image, volume.image, volume.mask, volume.spacing, file, reader)
    shown = read_at(reader, case, predictor.size, dataset_name)
    full = read_case(reader, case)
    return Subject(case.id, full.image, shown.image, full.mask, full.spacing)


def explain_subject(
    subject: Subject,
    predictor: Predictor | VolumePredictor,
    explainers: Sequence[BuiltExplainer],
    wish: Wish,
    postprocess: Postprocess | None,
    tell: Callable[[str], None],
) -> tuple[list[Explanation], np.ndarray]:
    """Explain one image; what one explainer cannot do is told and does not keep the others from it.

    Returns:
        The explanations, by explainer, then by class; and the prediction (*S) on the own grid.

    Raises:
        UsageError: the target cannot be meant here, such as a pixel that is not on the image.
    """
    found: list[Explanation] = []
    if predictor.image_dims == 2 and math.prod(subject.shape) > MOST_PIXELS:
        size = " x ".join(map(str, subject.shape))
        way_out = "explain a part of it with segkit explain --region" if predictor.volumes else "save it smaller"
        tell(f"{subject.name} is not explained: it has {size} pixels, and at most {MOST_PIXELS:,} are; {way_out}")
        return found, np.empty((0, 0), np.uint8)
    with enough_memory(subject.name):
        prediction = predictor.labels(subject.shown, subject.shape, subject.spacing)
        prediction = prediction if postprocess is None else postprocess(prediction)
    sample = Sample(subject.shown, spacing=subject.spacing, grid=subject.shape)
    for explainer in explainers:
        try:
            with enough_memory(subject.name):
                found += explain_any(predictor, sample, [explainer], wish, subject.reference, prediction)
        except UsageError:
            raise
        except SegkitError as error:
            tell(f"{subject.name}: {explainer.name}: {error}")
    return found, prediction


def in_memory(subject: Subject) -> Subject:
    """Return a subject whose image and mask are arrays in memory, unless they are too large to be explained."""
    if math.prod(subject.shape) > MOST_PIXELS:
        return subject
    image = np.asarray(subject.image)
    shown = image if subject.shown is subject.image else np.asarray(subject.shown)
    reference = None if subject.reference is None else np.asarray(subject.reference)
    return replace(subject, image=image, shown=shown, reference=reference)


def part_of(subject: Subject, region: Region, predictor: Predictor | VolumePredictor) -> Subject:
    """Return a region of a subject, which is then explained as an image of its own.

    Raises:
        UsageError: it does not lie in the image, or the model is shown whole images, of which a part is another thing.
    """
    if not (predictor.volumes and predictor.image_dims == 2):
        raise UsageError(
            "--region: the model is shown whole images, and a part would be enlarged to one",
            "leave it out, or train with data.mode=tiles",
        )
    image = region.of(subject.image)
    reference = None if subject.reference is None else region.of(subject.reference)
    name = f"{subject.name}-{str(region).replace(',', '-')}"
    return replace(subject, name=name, image=image, shown=image, reference=reference)


def scored(subject: Subject, label: str, score: float, score_name: str) -> Subject:
    """Return the subject with the reason why it is explained."""
    return replace(subject, label=label, score=None if np.isnan(score) else score, score_name=score_name)
