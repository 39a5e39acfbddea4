"""What can be set of segkit-amos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import segkit


@dataclass(frozen=True)
class AmosParams:
    """What can be set of AMOS22."""

    modality: Literal["ct", "mr", "both"] = segkit.param(
        "both", "Which scans: CT (ids up to 500), MR (ids above), or both."
    )
    sample_seed: int = segkit.param(
        0, "Seed of the generated sample that is used where there is no data.", min=0, max=2**31 - 1
    )
