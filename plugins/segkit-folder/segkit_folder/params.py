"""What can be set of segkit-folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import segkit


@dataclass(frozen=True)
class DealtParams:
    """How cases are dealt out to splits by seed, for every dataset of people's own files.

    As the first of two bases its fields come after those of the other: where things lie is asked before.
    """

    val: float = segkit.param(0.15, "Share of patients to validate on, where nothing says it.", min=0, max=0.9)
    test: float = segkit.param(0.15, "Share of patients to test on, where nothing says it.", min=0, max=0.9)
    split_seed: int = segkit.param(0, "Seed of the shares, the folds and a generated sample.", min=0, max=2**31 - 1)
    fold: int | None = segkit.param(
        None, "Cross-validation fold that is scored, from 0, where nothing says the splits; none: the shares.", min=0
    )
    folds: int = segkit.param(5, "How many folds the cases are dealt out to, where data.fold is set.", min=2, max=100)


@dataclass(frozen=True)
class FolderFiles:
    """What a folder of one's own holds and how it is read."""

    images: str | None = segkit.param(
        None, "Folder of the images, or a pattern of their names such as '*_image.png'; none: the usual names."
    )
    masks: str | None = segkit.param(
        None, "Folder of the masks, or a pattern of their names such as '*_mask.png'; none: the usual names."
    )
    field_of_view: str | None = segkit.param(
        None, "Folder or pattern of masks outside of which pixels count for nothing, such as 'mask'; none: all count."
    )
    readers: Literal["none", "majority", "random", "mean"] = segkit.param(
        "none",
        "Folders of masks are those of several readers of the same classes; majority: what most of them drew; random: "
        "of each training image one of them, drawn anew every epoch; mean: of each training pixel the share of readers "
        "who gave each label. Random and mean are scored on the majority.",
    )
    ignore: str | None = segkit.param(
        None,
        "Folder or pattern of masks inside of which pixels count for nothing; none: a folder ignore, if there is one.",
    )
    orientation: Literal["size", "upright", "stored"] = segkit.param(
        "size",
        "What masks of photographs that EXIF turns were drawn on: what their sizes fit (told where both do), upright "
        "photographs, or the stored pixels.",
    )
    classes: Path | None = segkit.param(
        None, "TOML file that names the classes; none: classes.toml in the folder, or what the masks hold."
    )
    overlapping: bool = segkit.param(
        False, "Whether masks in folders of their own, one for each class, may mark the same pixels."
    )
    missing: Literal["empty", "unannotated"] = segkit.param(
        "empty",
        "What it means where a class's own folder has no mask of a case: nothing is of the class, or nobody looked "
        "for it.",
    )
    threshold: float | None = segkit.param(
        None, "Grey value above which a pixel of any mask is of the one class; none: masks hold labels."
    )
    splits: Path | None = segkit.param(
        None, "CSV file with columns id and split, patient or both; none: splits.csv in the folder, where there is one."
    )
    patient: str | None = segkit.param(
        None, "Regular expression whose first group is the patient in a case's id, such as '(\\w+)_image'."
    )


@dataclass(frozen=True)
class FolderParams(DealtParams, FolderFiles):
    """What can be set of a folder of one's own."""
