"""What can be set of segkit-isic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import segkit


@dataclass(frozen=True)
class IsicParams:
    """What can be set of the ISIC dataset."""

    year: Literal["auto", "2016", "2017", "2018"] = segkit.param(
        "auto", "Challenge year; auto: told by the names of the folders."
    )
    hair: Literal["none", "overlapping", "exclusive"] = segkit.param(
        "none",
        "Of the generated sample: hair as a second class, which overlaps the lesion or has its pixels to itself.",
    )
    sample_seed: int = segkit.param(
        0, "Seed of the generated sample that is used where there is no data.", min=0, max=2**31 - 1
    )
