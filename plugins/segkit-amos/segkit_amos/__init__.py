"""AMOS22: 15 abdominal organs in CT and MR."""

from __future__ import annotations

__version__ = "0.1.0"

from dataclasses import dataclass
from typing import Literal

import segkit

MODES = {"slices": 2, "slab": 2, "patches": 3}


@dataclass(frozen=True)
class AmosParams:
    """What can be set of AMOS22."""

    modality: Literal["ct", "mr", "both"] = segkit.param(
        "both", "Which scans: CT (ids up to 500), MR (ids above), or both."
    )
    sample_seed: int = segkit.param(
        0, "Seed of the generated sample that is used where there is no data.", min=0, max=2**31 - 1
    )


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return AMOS22."""
    return [
        segkit.Dataset(
            name="amos",
            factory="segkit_amos.reader:AmosReader",
            summary="15 abdominal organs in CT and MR, AMOS challenge 2022.",
            params=AmosParams,
            modes=MODES,
            homepage="https://zenodo.org/records/7262581",
            reference="Ji et al. 2022, AMOS: A Large-Scale Abdominal Multi-Organ Benchmark, arXiv:2206.08023",
        )
    ]
