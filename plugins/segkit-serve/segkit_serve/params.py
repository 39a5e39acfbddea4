"""What can be set of corrections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import segkit


@dataclass(frozen=True)
class CorrectionsParams:
    """What can be set of a folder of corrections."""

    use: Literal["train", "score"] = segkit.param(
        "train", "Train on them, with shares for validation and test; or score every one, as segkit evaluate does."
    )
    val: float = segkit.param(0.2, "Share of cases to validate on.", min=0, max=0.9)
    test: float = segkit.param(0.0, "Share of cases to test on.", min=0, max=0.9)
    split_seed: int = segkit.param(0, "Seed of the shares.", min=0, max=2**31 - 1)
