"""Hair as a second class of the generated sample, which lies over the lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from segkit import Case, SegkitError
from segkit_isic.images import binary, read_mask
from segkit_isic.layout import Folders

CLASSES = ("lesion", "hair")


def hair_folder(folders: Folders) -> str:
    """Return the folder of a split's masks of hair."""
    return f"{folders.images}_Hair"


def with_hair(cases: Sequence[Case], root: Path, folders: Folders) -> list[Case]:
    """Return cases with their mask of hair as a third file; raises SegkitError where there is none."""
    place = root / hair_folder(folders)
    if not place.is_dir():
        raise SegkitError(
            f"{root} has no masks of hair: the challenge drew none",
            "leave out data.hair, which is of the generated sample, or leave out --data-root",
        )
    return [replace(case, files=(*case.files, place / f"{case.id}_hair.png")) for case in cases]


def joined(lesion: np.ndarray, root: Path, case: Case, *, overlapping: bool) -> np.ndarray:
    """Return the mask of lesion and hair: a plane of each, or labels in which hair has its pixels alone."""
    hair = binary(read_mask(root, case.files[2].relative_to(root).as_posix()).values)
    if overlapping:
        return np.stack([lesion, hair])
    labels: np.ndarray = np.where(hair == 1, 2, lesion).astype(np.uint8)
    return labels
