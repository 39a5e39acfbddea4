"""The conventions of the metrics, as params: what is one lesion, what counts as found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from segkit import param

Connectivity = Literal["full", "faces", "mixed"]

DEFAULTS: Mapping[str, Any] = {
    "connectivity": "full",
    "matching": "greedy",
    "overlap": "iou",
    "threshold": 0.5,
    "equal_counts": True,
}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "panoptica": {"connectivity": "mixed"},
    "brats": {"connectivity": "mixed", "matching": "bipartite", "overlap": "dice", "threshold": 1e-6},
    "lits": {"connectivity": "faces", "matching": "merged", "equal_counts": False},
}
"""panoptica: its defaults (2.1.7). brats: BraTS 2026, brats-evaluation 0.0.10. lits: the scorer of LiTS 2017."""

CONNECTIVITY = "Voxels are of one lesion when they touch by faces, edges or corners (full), by faces alone, or mixed: "
BOTH_EMPTY = "Score where mask and prediction both lack the class; nan leaves the case out of the mean and counts it"


@dataclass(frozen=True)
class EmptyParams:
    """The convention of a score of two sides."""

    both_empty: Literal["nan", "0", "1"] = param("nan", f"{BOTH_EMPTY}.")


@dataclass(frozen=True)
class LesionParams:
    """What is one lesion, and when it counts as found; what is not said is as the preset says."""

    preset: Literal["panoptica", "brats", "lits"] | None = param(
        None, "Conventions of a known scorer, for all that is not said."
    )
    connectivity: Connectivity | None = param(
        None, f"{CONNECTIVITY}by faces in 2D, full in 3D. None: as the preset says, full without one."
    )
    minimum_size: int = param(0, "Lesions of fewer voxels count on neither side.", min=0)
    matching: Literal["greedy", "bipartite", "merged", "touch"] | None = param(
        None,
        "greedy: one with one, the largest overlap first; bipartite: one with one, the largest sum of overlaps; "
        "merged: lesions that one of the other side joins count as one; touch: whatever shares enough with any of the "
        "other side is found. None: as the preset says, greedy without one.",
    )
    overlap: Literal["iou", "dice"] | None = param(
        None, "By what pairs are compared. None: as the preset says, iou without one."
    )
    threshold: float | None = param(
        None, "Overlap from which a pair is a match. None: as the preset says, 0.5 without one.", min=0, max=1
    )
    equal_counts: bool | None = param(
        None, "An overlap of exactly the threshold is a match. None: as the preset says, true without one."
    )
    both_empty: Literal["nan", "0", "1"] = param("nan", f"{BOTH_EMPTY}.")

    def __post_init__(self) -> None:
        taken = {**DEFAULTS, **PRESETS.get(self.preset or "", {})}
        for name, value in taken.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)


@dataclass(frozen=True)
class CountParams:
    """What is one lesion."""

    connectivity: Connectivity = param("full", f"{CONNECTIVITY}by faces in 2D, full in 3D.")
    minimum_size: int = param(0, "Lesions of fewer voxels count on neither side.", min=0)
    both_empty: Literal["nan", "0"] = param("nan", f"{BOTH_EMPTY}.")


@dataclass(frozen=True)
class BoundaryIouParams(EmptyParams):
    """How wide the band is."""

    band: Literal["mm", "steps"] = param(
        "mm",
        "mm: what lies within the width of the outside, by the spacing (pixels without one); "
        "steps: that many erosions by a 3 x 3 (x 3) square, as Cheng et al. do.",
    )
    width: float | None = param(None, "mm or steps; none: 2 % of the image's diagonal, at least 1.", min=0)


@dataclass(frozen=True)
class BoundaryF1Params(EmptyParams):
    """How near is near enough."""

    tolerance: float | None = param(
        None, "mm (pixels without a spacing); none: 0.75 % of the image's diagonal, as Csurka et al. take.", min=0
    )


@dataclass(frozen=True)
class BettiParams:
    """Which numbers are compared."""

    dimension: Literal["all", "0", "1", "2"] = param(
        "all", "0: connected parts; 1: loops and tunnels; 2: cavities (3D); all: the sum of all differences."
    )
    connectivity: Literal["full", "faces"] = param(
        "full",
        "Voxels hang together by faces, edges or corners (full), or by faces alone; their outside the other way.",
    )
    both_empty: Literal["nan", "0"] = param("nan", f"{BOTH_EMPTY}.")
