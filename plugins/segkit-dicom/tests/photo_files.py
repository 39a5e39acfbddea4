"""Photographs in DICOM made from arrays, as cameras and dermatoscopes write them."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, VLPhotographicImageStorage, generate_uid


def photograph(pixels: np.ndarray, patient: str = "PATIENT-1", **tags: Any) -> Dataset:
    """Return a dataset of pixels (rows, columns) or (rows, columns, 3) uint8; tags replace or add elements."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID, one.SOPInstanceUID = VLPhotographicImageStorage, generate_uid()
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    one.StudyInstanceUID, one.SeriesInstanceUID = generate_uid(), generate_uid()
    one.PatientID, one.PatientName, one.PatientBirthDate, one.PatientSex = patient, "QUIXOTIC^DULCINEA", "19610203", "F"
    one.StudyDate, one.StudyTime, one.AccessionNumber, one.StudyID = "20240517", "101112", "ACC4711", "S17"
    one.ReferringPhysicianName, one.SeriesDescription, one.Modality = "HIPPOCRAT^GREGORIUS", "left forearm", "XC"
    one.SeriesNumber, one.InstanceNumber, one.Manufacturer, one.ImageType = 1, 1, "none", ["ORIGINAL", "PRIMARY"]
    one.Rows, one.Columns = pixels.shape[:2]
    one.SamplesPerPixel, one.PhotometricInterpretation = (3, "RGB") if pixels.ndim == 3 else (1, "MONOCHROME2")
    if pixels.ndim == 3:
        one.PlanarConfiguration = 0
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 8, 8, 7, 0
    one.PixelData = pixels.astype(np.uint8).tobytes()
    for name, value in tags.items():
        setattr(one, name, value)
    return one
