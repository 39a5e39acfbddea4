"""Cases, and what reading one gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Case:
    """One image and its mask, not yet read.

    Attributes:
        id: unique within the dataset; names files of the run.
        group: the patient, where known; resampled and split together.
        files: what is read, image first, files or whole folders; size and time are part of the store's key.
        meta: anything the dataset wants to find again in `read`.
        annotated: the classes that were looked for when the mask was drawn; None: all of the task's. Pixels of the
            others are 0 in the mask, as they are of nothing that was looked for.
        reading_of: what training cases share that are one image drawn by several readers: an epoch shows one of them,
            drawn at random, or the mean of all where the reader says `averages_readings`; None: the case is an image
            of its own.
    """

    id: str
    group: str | None = None
    files: tuple[Path, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    annotated: tuple[str, ...] | None = None
    reading_of: str | None = None


def counted(cases: Sequence[Case]) -> str:
    """Say how many images cases are: "8", or "8 in 24 drawings" where several readers' are cases of their own."""
    images = {case.reading_of or case.id for case in cases}
    return f"{len(images)} in {len(cases)} drawings" if len(images) < len(cases) else str(len(cases))


@dataclass(frozen=True)
class Sample:
    """One case, read at its own resolution.

    Attributes:
        image: (C, *S), uint8, int16 or float32; on another grid of the same extent where `grid` is given. Image and
            mask of a photograph may be a `segkit.data.large_array.LargeArray` each, in mode tiles.
        mask: (*S) integer labels, 0 background, 255 ignore; (classes, *S) of 0, 1 and 255 where the task's classes
            overlap; None where there is no reference.
        spacing: mm per voxel along each axis of S; None for photographs.
        affine: 4x4 voxel-to-world matrix of the oriented volume; None for photographs.
        grid: S, where `image` is on another one; `mask` never is.
        remarks: what people should know of how the files were read, each the end of a sentence about the case that
            `segkit data info` tells with the number of cases: "is turned as its EXIF orientation says".
    """

    image: np.ndarray
    mask: np.ndarray | None = None
    spacing: tuple[float, ...] | None = None
    affine: np.ndarray | None = None
    grid: tuple[int, ...] | None = None
    remarks: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The case's own grid S."""
        return tuple(self.image.shape[1:]) if self.grid is None else self.grid


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a dataset's files.

    Attributes:
        file: relative to the data root.
        reason: what is wrong, in words.
        hint: the way out, where there is one to tell.
    """

    file: str
    reason: str
    hint: str = ""
