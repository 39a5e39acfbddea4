"""What can be set of segkit-large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import segkit
from segkit_folder.params import DealtParams


@dataclass(frozen=True)
class LargeFiles:
    """How images larger than memory are read."""

    classes: tuple[str, ...] = segkit.param(
        (),
        "Names of the classes: of masks in the order of their values from 1, of polygons as they are classified; none: "
        "one class of masks, every class of the polygons.",
    )
    ignore: tuple[str, ...] = segkit.param(
        (), "Classes of polygons inside of which pixels count for nothing, such as 'Ignore*', QuPath's own; none: none."
    )
    field_of_view: tuple[str, ...] = segkit.param(
        (), "Classes of polygons outside of which pixels count for nothing, such as 'Region*'; none: all count."
    )
    level: int = segkit.param(0, "Level of a pyramid that counts as the image, 0 for the largest.", min=0, max=30)
    overlap: Literal["refuse", "last", "area"] = segkit.param(
        "refuse",
        "Whose pixels are those where polygons of different classes overlap: nobody's (an error), those of the one "
        "that the file names last, or of the smaller one.",
    )
    missing_chunks: Literal["refuse", "empty"] = segkit.param(
        "refuse", "What a chunk that an OME-Zarr does not hold is: lost (an error), or of its fill value throughout."
    )
    splits: str | None = segkit.param(
        None, "CSV file with columns id and split, patient or both; none: splits.csv in the folder, where there is one."
    )
    patient: str | None = segkit.param(
        None, "Regular expression whose first group is the patient in a case's id, such as '(\\w+)_slide'."
    )


@dataclass(frozen=True)
class LargeParams(DealtParams, LargeFiles):
    """What can be set of images larger than memory."""
