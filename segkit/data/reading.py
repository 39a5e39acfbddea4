"""One case as the network is shown it: the image on the working grid, everything else as the file has it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segkit.data.at_once import room_for
from segkit.data.case import Case, Sample
from segkit.data.check import check_sample
from segkit.data.content import content_digest
from segkit.data.dataset import DatasetReader
from segkit.data.in_time import in_time, read_case
from segkit.data.likeness import numbers_of
from segkit.data.resample import resize_image
from segkit.errors import SegkitError


def read_at(reader: DatasetReader, case: Case, size: tuple[int, ...], dataset_name: str) -> Sample:
    """Read and check one case, its image resampled to `size`; by the reader's own `read_resized` where it has one.

    Training and scoring both go through here, so that a network is scored on images made as those it has learnt from.

    Returns:
        A sample whose image is (C, *size), whose mask is on the case's own grid, and whose `shape` is that grid.

    Raises:
        SegkitError: the case cannot be read or is not one of the task.
    """
    with room_for(case.files):
        return read_both(reader, case, size, dataset_name)[0]


def read_with_content(
    reader: DatasetReader, case: Case, size: tuple[int, ...], dataset_name: str
) -> tuple[Sample, str, list[float | None]]:
    """Return what `read_at` does, and the digest and the numbers of the image on its own grid.

    It may have to be read for them; the numbers are those of `segkit.data.likeness`.
    """
    with room_for(case.files):
        sample, whole = read_both(reader, case, size, dataset_name)
        image = read_case(reader, case).image if whole is None else whole
        return sample, content_digest(image), numbers_of(sample, reader.task, case, image)


def read_both(
    reader: DatasetReader, case: Case, size: tuple[int, ...], dataset_name: str
) -> tuple[Sample, np.ndarray | None]:
    """Return a case at `size`, and the image on its own grid where that was read on the way."""
    size = tuple(size)
    read_resized = getattr(reader, "read_resized", None)
    read = (lambda: reader.read(case)) if read_resized is None else (lambda: read_resized(case, size))
    sample: Sample = in_time(read, f"case {case.id}")
    check_sample(sample, case, reader.task, dataset_name)
    if read_resized is None:
        return replace(sample, image=resize_image(sample.image, size), grid=sample.shape), sample.image
    if sample.grid is None or sample.image.shape[1:] != size:
        raise SegkitError(
            f"dataset {dataset_name}, case {case.id}: read_resized gave an image of {sample.image.shape[1:]} "
            f"and a grid of {sample.grid} for the size {size}",
            "report it to the dataset plugin's author",
        )
    return sample, None
