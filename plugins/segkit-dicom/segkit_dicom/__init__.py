"""DICOM in, DICOM out: series as volumes, photographs, SEG and RTSTRUCT as masks, predictions as DICOM SEG."""

from __future__ import annotations

__version__ = "0.1.0"

import segkit


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the dataset."""
    return [
        segkit.Dataset(
            name="dicom",
            factory="segkit_dicom.reader:DicomReader",
            summary="Folders of DICOM series or photographs with masks: SEG, RTSTRUCT, NIfTI, PNG.",
            params="segkit_dicom.params:DicomParams",
            modes={"images": 2, "slices": 2, "slab": 2, "patches": 3},
            homepage="https://www.dicomstandard.org",
        )
    ]


@segkit.hookimpl
def segkit_commands() -> dict[str, str]:
    """Return the command that tells whose case ids these are."""
    return {"dicom-ids": "segkit_dicom.cli:dicom_ids"}
