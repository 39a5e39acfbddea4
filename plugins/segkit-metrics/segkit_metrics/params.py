"""The conventions of the metrics, as params."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from segkit import param

PRESETS: Mapping[str, Mapping[str, str]] = {
    "isic": {"both_empty": "1", "undefined": "1"},
    "nnunet": {"both_empty": "nan"},
}
"""isic: the scorer of ISIC 2018 Task 1 (isic-challenge-scoring 5.6.0). nnunet: evaluate_predictions of nnU-Net v2."""

BOTH_EMPTY = "Score where mask and prediction both lack the class; nan leaves the case out of the mean and counts it"


@dataclass(frozen=True)
class Preset:
    """Conventions taken from a known scorer; one that is said is taken as it is said."""

    preset: Literal["isic", "nnunet"] | None = param(None, "Conventions of a known scorer, for all that is not said.")

    fallback: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self) -> None:
        taken = {**self.fallback, **PRESETS.get(self.preset or "", {})}
        for field in fields(self):
            if field.name in taken and getattr(self, field.name) is None:
                object.__setattr__(self, field.name, taken[field.name])


@dataclass(frozen=True)
class OverlapParams(Preset):
    """The conventions of an overlap."""

    both_empty: Literal["nan", "0", "1"] | None = param(
        None, f"{BOTH_EMPTY}. None: as the preset says, nan without one."
    )

    fallback: ClassVar[Mapping[str, str]] = {"both_empty": "nan"}


@dataclass(frozen=True)
class ThresholdParams(OverlapParams):
    """The conventions of an overlap that counts from a threshold on."""

    threshold: float = param(0.65, "Smallest value that counts; below it the score is 0.", min=0, max=1)


@dataclass(frozen=True)
class SideParams(OverlapParams):
    """The conventions of an overlap relative to one side only."""

    undefined: Literal["nan", "0", "1"] | None = param(
        None, "Score where only the side divided by lacks the class. None: as the preset says, 0 without one."
    )

    fallback: ClassVar[Mapping[str, str]] = {"both_empty": "nan", "undefined": "0"}


@dataclass(frozen=True)
class SpecificityParams(Preset):
    """The conventions of a score of what lies outside of the class."""

    undefined: Literal["nan", "0", "1"] | None = param(
        None, "Score where there is no background to divide by. None: as the preset says, nan without one."
    )

    fallback: ClassVar[Mapping[str, str]] = {"undefined": "nan"}


@dataclass(frozen=True)
class BothParams(OverlapParams):
    """The conventions of a score of what lies inside and outside of the class."""

    undefined: Literal["nan", "0", "1"] | None = param(
        None, "Score where a side is uniform, so that there is no value. None: as the preset says, 0 without one."
    )

    fallback: ClassVar[Mapping[str, str]] = {"both_empty": "nan", "undefined": "0"}


@dataclass(frozen=True)
class VolumeErrorParams:
    """The conventions of the relative volume error."""

    absolute: bool = param(True, "Without the sign, so that too much and too little do not cancel in the mean.")
    both_empty: Literal["nan", "0"] = param("nan", f"{BOTH_EMPTY}.")
    spurious: Literal["inf", "nan"] = param("inf", "Value where only the prediction has the class.")


@dataclass(frozen=True)
class DistanceParams:
    """The conventions of a surface distance."""

    both_empty: Literal["nan", "0"] = param("nan", f"{BOTH_EMPTY}.")
    missed: Literal["inf", "nan", "diagonal"] = param(
        "inf", "Value where only one of mask and prediction has the class; diagonal: the length of the image's."
    )


@dataclass(frozen=True)
class Hd95Params(DistanceParams):
    """The conventions of the 95th percentile."""

    mode: Literal["max", "pooled", "surfel"] = param(
        "max",
        "max: larger of both directions' percentiles; pooled: percentile of both directions' distances together; "
        "surfel: larger of both, surface elements weighted by their area.",
    )


@dataclass(frozen=True)
class SurfaceDiceParams:
    """The conventions of the normalised surface distance."""

    both_empty: Literal["nan", "0", "1"] = param("nan", f"{BOTH_EMPTY}.")
    mode: Literal["edge", "surfel"] = param(
        "edge", "edge: share of the edge voxels; surfel: share of the surface, elements weighted by their area."
    )
    tolerance: tuple[float, ...] | Literal["readers"] = param(
        (),
        "mm (pixels without a spacing): one for all classes, or one per class; 1 where nothing is said. readers: "
        "of each class the distance within which 95 % of what two readers drew lie.",
        min=0,
    )
    table: Literal["flare22"] | None = param(
        None, "Published tolerances, by class name; a class that it lacks takes the one of tolerance."
    )


@dataclass(frozen=True)
class CalibrationParams:
    """Which pixels count, and which probabilities of theirs."""

    form: Literal["top", "class"] = param(
        "top",
        "top: all labels together, one value for all classes; class: each class against the rest.",
        measured=True,
    )
    region: Literal["image", "band"] = param(
        "image", "image: every pixel; band: those within `width` of the mask's foreground, and itself.", measured=True
    )
    width: float = param(5.0, "mm (pixels without a spacing), of region=band.", min=0, measured=True)


@dataclass(frozen=True)
class BinnedParams(CalibrationParams):
    """The conventions of a calibration error."""

    bins: int = param(15, "Bins of confidence.", min=1, max=1000, measured=True)
    binning: Literal["width", "mass"] = param(
        "width", "width: equally wide; mass: with equal numbers of pixels, cut between 1024 cells.", measured=True
    )
