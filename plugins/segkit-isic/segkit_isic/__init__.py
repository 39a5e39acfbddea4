"""ISIC skin lesion segmentation (2016, 2017, 2018 Task 1)."""

from __future__ import annotations

__version__ = "0.1.0"

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


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the ISIC dataset."""
    return [
        segkit.Dataset(
            name="isic",
            factory="segkit_isic.reader:IsicReader",
            summary="Skin lesions in dermoscopy photographs, ISIC challenge 2016, 2017 and 2018 Task 1.",
            params=IsicParams,
            modes={"images": 2},
            configs={"report": "segkit_isic:configs/report.toml"},
            homepage="https://challenge.isic-archive.com/data/",
            reference="Codella et al. 2018, Skin Lesion Analysis Toward Melanoma Detection, arXiv:1710.05006",
        )
    ]
