"""What can be set of segkit-large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import segkit


@dataclass(frozen=True)
class LargeParams:
    """What can be set of images larger than memory."""

    classes: tuple[str, ...] = segkit.param(
        (),
        "Names of the classes: of masks in the order of their values from 1, of polygons as they are classified; none: "
        "one class of masks, every class of the polygons.",
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
    val: float = segkit.param(0.15, "Share of patients to validate on, where nothing says it.", min=0, max=0.9)
    test: float = segkit.param(0.15, "Share of patients to test on, where nothing says it.", min=0, max=0.9)
    split_seed: int = segkit.param(0, "Seed of the shares and of the folds.", min=0, max=2**31 - 1)
    fold: int | None = segkit.param(
        None, "Cross-validation fold that is scored, from 0, where nothing says the splits; none: the shares.", min=0
    )
    folds: int = segkit.param(5, "How many folds the cases are dealt out to, where data.fold is set.", min=2, max=100)
