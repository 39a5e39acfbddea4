"""DICOM in, DICOM out: series as volumes, SEG and RTSTRUCT as masks, predictions as DICOM SEG."""

from __future__ import annotations

__version__ = "0.1.0"

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


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the dataset."""
    return [
        segkit.Dataset(
            name="dicom",
            factory="segkit_dicom.reader:DicomReader",
            summary="Folders of DICOM series with SEG, RTSTRUCT or NIfTI masks.",
            params=DicomParams,
            modes={"slices": 2, "slab": 2, "patches": 3},
            homepage="https://www.dicomstandard.org",
        )
    ]


@segkit.hookimpl
def segkit_commands() -> dict[str, str]:
    """Return the command that tells whose case ids these are."""
    return {"dicom-ids": "segkit_dicom.cli:dicom_ids"}
