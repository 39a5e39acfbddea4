"""DICOM series made from arrays, as scanners write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = ((1, 0, 0), (0, 1, 0))
CORONAL = ((1, 0, 0), (0, 0, -1))
SAGITTAL = ((0, 1, 0), (0, 0, -1))
OBLIQUE = ((np.cos(0.3), np.sin(0.3), 0), (-np.sin(0.3) * np.cos(0.2), np.cos(0.3) * np.cos(0.2), np.sin(0.2)))


def slices(
    voxels: np.ndarray,
    axes: Sequence[Sequence[float]] = AXIAL,
    spacing: tuple[float, float, float] = (3.0, 0.7, 0.9),
    origin: Sequence[float] = (-20.0, 30.0, 5.0),
    *,
    forwards: bool = True,
    patient: str = "PATIENT-1",
    frame: str | None = None,
    **tags: Any,
) -> list[Dataset]:
    """Return a dataset for each plane of voxels (slices, rows, columns), stored as uint16 with an intercept of -1024.

    Args:
        axes: directions of a row and of a column (LPS).
        spacing: mm between slices, rows and columns.
        forwards: whether slices follow each other along the normal, or against it.
        tags: elements that replace others.
    """
    row, column = (np.array(axis, float) for axis in axes)
    normal = np.cross(row, column) * (1 if forwards else -1)
    study, series = generate_uid(), generate_uid()
    frame = frame or generate_uid()
    found = []
    for number, plane in enumerate(voxels):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, generate_uid()
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, series, frame
        one.PatientID, one.PatientName, one.PatientBirthDate, one.PatientSex = (
            patient,
            "QUIXOTIC^DULCINEA",
            "19610203",
            "F",
        )
        one.StudyDate = one.SeriesDate = one.AcquisitionDate = one.ContentDate = "20240517"
        one.StudyTime = one.SeriesTime = one.AcquisitionTime = one.ContentTime = "101112"
        one.AccessionNumber, one.StudyID, one.ReferringPhysicianName = "ACC4711", "S17", "HIPPOCRAT^GREGORIUS"
        one.Modality, one.Manufacturer, one.SeriesDescription = "CT", "none", "thorax 3mm"
        one.ImageType, one.PositionReferenceIndicator = ["ORIGINAL", "PRIMARY", "AXIAL"], ""
        one.SeriesNumber, one.InstanceNumber, one.AcquisitionNumber, one.KVP = 1, number + 1, 1, 120
        one.ImageOrientationPatient = [round(float(value), 9) for value in (*row, *column)]
        place = np.array(origin) + normal * spacing[0] * number
        one.ImagePositionPatient = [round(float(value), 6) for value in place]
        one.PixelSpacing, one.SliceThickness = [spacing[1], spacing[2]], spacing[0] + 2
        one.Rows, one.Columns = plane.shape
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        one.RescaleSlope, one.RescaleIntercept = 1, -1024
        one.PixelData = (plane.astype(np.int32) + 1024).astype("<u2").tobytes()
        for name, value in tags.items():
            setattr(one, name, value)
        found.append(one)
    return found


def write(folder: Path, datasets: Sequence[Dataset], stem: str = "im") -> list[Path]:
    """Write datasets into a folder, in an order that is not that of the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(0).permutation(len(datasets))
    paths = [folder / f"{stem}{order[number]:03}.dcm" for number in range(len(datasets))]
    for path, one in zip(paths, datasets, strict=True):
        one.save_as(path, enforce_file_format=True)
    return paths


def voxels(shape: tuple[int, int, int] = (5, 6, 7), seed: int = 0) -> np.ndarray:
    """Numbers (slices, rows, columns) int16, each another one."""
    size = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(size).reshape(shape).astype(np.int16) - 50


def labels(shape: tuple[int, int, int] = (5, 6, 7), seed: int = 1) -> np.ndarray:
    """Labels 0 to 2 (slices, rows, columns), some slices without any."""
    found = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    found[1] = 0
    return found
