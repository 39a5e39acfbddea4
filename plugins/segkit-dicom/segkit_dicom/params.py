"""What can be set of the components of segkit-dicom: imported where somebody asks, not to list them."""

from __future__ import annotations

from dataclasses import dataclass

import segkit
from segkit_folder.params import DealtParams


@dataclass(frozen=True)
class DicomFiles:
    """How folders of DICOM are read."""

    classes: tuple[str, ...] = segkit.param(
        (),
        "Classes in label order, by a segment's label, its code such as SCT:10200004, or an ROI's name; none: those of "
        "classes.toml, else all segments that are found, in the order of their names.",
    )
    codes: tuple[str, ...] = segkit.param(
        (),
        "Coded types of the classes, in their order, that predictions in DICOM SEG carry, such as "
        "'SCT:10200004:Liver'; none: those of classes.toml.",
    )


@dataclass(frozen=True)
class DicomParams(DealtParams, DicomFiles):
    """What can be set of folders of DICOM."""
