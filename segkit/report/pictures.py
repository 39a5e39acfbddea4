"""The cases that are shown as pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from segkit.report.volume_viewer import ShownVolume

MORE_OF_THE_WORST = ("second worst", "third worst")
MANY = 10
"""From so many cases on, more than one of the worst is shown."""


@dataclass(frozen=True)
class CasePicture:
    """One case as it is shown; of a volume, one slice.

    Attributes:
        case: its id.
        label: why it is shown: "worst", "median", "best".
        image: (H, W, 3) uint8.
        reference, prediction: (H, W) integer labels, 0 background, 255 ignore; (classes, H, W) of 0, 1 and 255 where
            classes overlap.
        score: None where undefined.
        score_name: the metric's plain name.
        where: which part of a volume it is, such as "axial slice 17 of 35"; empty where the whole case is shown.
        volume: the volume to scroll through on the page; None for photographs.
    """

    case: str
    label: str
    image: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray
    score: float | None
    score_name: str
    where: str = ""
    volume: ShownVolume | None = None

    def __post_init__(self) -> None:
        grid = self.image.shape[:2]
        if self.image.shape != (*grid, 3) or self.image.dtype != np.uint8:
            raise ValueError(f"picture of {self.case}: image must be (H, W, 3) uint8, not {self.image.shape}")
        for name, mask in (("reference", self.reference), ("prediction", self.prediction)):
            if mask.shape[-2:] != grid:
                raise ValueError(f"picture of {self.case}: {name} is {mask.shape}, the image {grid}")


def choose_cases(scores: Mapping[str, float], *, higher_is_better: bool = True) -> list[tuple[str, str]]:
    """Choose the cases to show as (label, case), the worst first.

    Undefined scores (NaN) are left out and ties go by case id, so the choice is the same every time. Of an even
    number of cases the median is the worse of the middle two; two cases have no median, one is "only". Of many cases
    several of the worst are shown.
    """
    sign = 1.0 if higher_is_better else -1.0
    ranked = sorted((sign * score, case) for case, score in scores.items() if not math.isnan(score))
    cases = [case for _, case in ranked]
    if len(cases) < 2:
        return [("only", case) for case in cases]
    middle = [("median", cases[(len(cases) - 1) // 2])] if len(cases) > 2 else []
    bad = zip(MORE_OF_THE_WORST, cases[1:], strict=False) if len(cases) >= MANY else ()
    return [("worst", cases[0]), *bad, *middle, ("best", cases[-1])]


def displayable(image: np.ndarray) -> np.ndarray:
    """Turn an image (C, H, W) into (H, W, 3) uint8: three channels as they are, else the first as grey.

    Values other than uint8 are stretched from their 1st to their 99th percentile.
    """
    channels = image if image.shape[0] == 3 else np.repeat(image[:1], 3, axis=0)
    if channels.dtype != np.uint8:
        low, high = np.percentile(channels, (1, 99))
        channels = (np.clip((channels - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(channels.transpose(1, 2, 0))
