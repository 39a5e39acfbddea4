"""What a case read from disk has to be before anything is learnt from it or scored on it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.case import Case, Sample
from segkit.data.class_masks import is_class
from segkit.data.large_array import parts_of
from segkit.declarations import Task
from segkit.errors import SegkitError

CONTRADICTION = "say that the case was annotated for the class, or take it out of its mask"
IMAGE_TYPES = ("uint8", "int16", "float32")


def check_sample(sample: Sample, case: Case, task: Task, dataset_name: str) -> None:
    """Raise SegkitError, naming case and file, unless the sample is one of the task.

    Checked: dimensions, channels and dtype of the image, finite values, the mask's shape, dtype and labels (0 to the
    number of classes, or 255; of overlapping classes 0, 1 or 255), that it has no class that the case was not annotated
    for, and a positive spacing per axis. A mask may be missing.
    """
    problem, hint = problem_of(sample, task), "mend or remove the files, or mend the dataset's plugin"
    if problem is None and (problem := contradiction_of(sample, case, task)):
        hint = CONTRADICTION
    if problem is not None:
        # Image and masks of one name in several folders: once says as much as three times (issue 22).
        files = ", ".join(dict.fromkeys(path.name for path in case.files))
        named = f"{case.id} ({files})" if files else case.id
        raise SegkitError(f"dataset {dataset_name}, case {named}: {problem}", hint)


def problem_of(sample: Sample, task: Task) -> str | None:
    """Return in words the first thing that is wrong with a sample, or None."""
    return next(_problems(sample, task), None)


def contradiction_of(sample: Sample, case: Case, task: Task) -> str | None:
    """Return in words where a mask contradicts what its case says that it was annotated for, or None."""
    return next(_contradictions(sample, case, task), None)


def _problems(sample: Sample, task: Task) -> Iterator[str]:
    image = sample.image
    if image.ndim != task.spatial_dims + 1:
        expected = "(channels, height, width)" if task.spatial_dims == 2 else "(channels, depth, height, width)"
        yield f"the image has shape {image.shape}, expected {expected}"
        return
    if len(image) != task.in_channels:
        yield f"the image has {len(image)} channels, the task {task.in_channels}"
    if 0 in image.shape:
        yield f"the image of shape {image.shape} is empty"
    if image.dtype not in IMAGE_TYPES:
        yield f"the image's type {image.dtype} is none of {', '.join(IMAGE_TYPES)}"
    elif image.dtype == np.float32 and (odd := sum(np.count_nonzero(~np.isfinite(part)) for part in parts_of(image))):
        yield f"{odd} values of the image are NaN or infinite"
    if sample.mask is not None:
        yield from _mask_problems(sample.mask, sample.shape, task)
    if sample.spacing is not None and (
        len(sample.spacing) != task.spatial_dims or not all(0 < length < np.inf for length in sample.spacing)
    ):
        yield f"the spacing {sample.spacing} is not {task.spatial_dims} positive lengths in mm"


def _mask_problems(mask: np.ndarray, shape: tuple[int, ...], task: Task) -> Iterator[str]:
    if mask.shape != task.mask_shape(shape):
        if task.overlapping and mask.ndim != len(shape) + 1:
            yield f"the mask has shape {mask.shape}, and of {len(task.classes)} overlapping classes each has a plane"
        yield f"the mask's size {_times(mask.shape)} differs from the image's {_times(task.mask_shape(shape))}"
    if not np.issubdtype(mask.dtype, np.integer):
        yield f"the mask's type {mask.dtype} is not an integer type"
        return
    classes = 1 if task.overlapping else len(task.classes)
    found: set[int] = set()
    for part in parts_of(mask):
        if part.size and not (part.min() >= 0 and part.max() <= classes):
            # An error, never a guess: masks of 0 and 255 were elsewhere read as class 255 or as ignored throughout
            # (mmsegmentation #1609, nnU-Net #1777 and #2404).
            found.update(np.unique(part[(part != IGNORE) & ((part < 0) | (part > classes))]).tolist())
    if found:
        yield f"the mask has labels outside 0 to {classes}: {', '.join(map(str, sorted(found)[:5]))}"


def _contradictions(sample: Sample, case: Case, task: Task) -> Iterator[str]:
    if case.annotated is None:
        return
    unknown = [name for name in case.annotated if name not in task.classes]
    if unknown:
        yield f"it is annotated for {unknown[0]!r}, which is no class; classes: {', '.join(task.classes)}"
    if not case.annotated:
        yield "it is annotated for no class: leave it out, or say which classes were looked for"
    if sample.mask is None:
        return
    for label, name in enumerate(task.classes, start=1):
        if name not in case.annotated and (marked := pixels_of(sample.mask, label, task)):
            yield f"the mask has {marked:,} pixels of class {name}, for which the case says it was not annotated"


def pixels_of(mask: np.ndarray, label: int, task: Task) -> int:
    """Count the pixels of a class."""
    return sum(int(np.count_nonzero(is_class(part, label, task))) for part in parts_of(mask))


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
