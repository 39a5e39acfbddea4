"""What can be set of the components of segkit-dicom: imported where somebody asks, not to list them."""

from __future__ import annotations

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class DicomParams:
    """What can be set of folders of DICOM."""

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
    val: float = segkit.param(0.15, "Share of patients to validate on.", min=0, max=0.9)
    test: float = segkit.param(0.15, "Share of patients to test on.", min=0, max=0.9)
    split_seed: int = segkit.param(0, "Seed of the shares, the folds and the generated sample.", min=0, max=2**31 - 1)
    fold: int | None = segkit.param(None, "Cross-validation fold that is scored, from 0; none: the shares.", min=0)
    folds: int = segkit.param(5, "How many folds the cases are dealt out to, where data.fold is set.", min=2, max=100)
