"""Write the generated sample: CT series of a body with an organ and a lesion, each with a SEG object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

import segkit
from segkit_dicom.seg_out import Segment, write_seg

PATIENTS = 8
SHAPE = (8, 32, 32)
SPACING = (6.0, 1.5, 1.5)
CLASSES = ("organ", "lesion")
MOMENT = {"DA": "20000101", "TM": "000000", "DT": "20000101000000"}
"""What stands in the place of dates and times, by their kind."""
README = """GENERATED SAMPLE, not scans of patients.

Written by segkit-dicom {version} with split_seed {seed}, so that segkit can be tried without downloading anything.
Scores on it say nothing about any patient.
"""


def write_sample(root: Path, seed: int) -> None:
    """Write a folder per patient; equal seeds write equal files."""
    (root / "README.txt").write_text(README.format(version=segkit.__version__, seed=seed))
    for number in range(PATIENTS):
        folder = root / f"patient-{number:02}"
        (folder / "ct").mkdir(parents=True)
        random = np.random.default_rng((seed, number))
        voxels, labels = draw(random)
        tag = f"sample {seed} {number}"
        datasets = write_series(folder / "ct", voxels, f"SAMPLE^{number:02}", tag)
        segments = [Segment(name) for name in CLASSES]
        write_seg(folder / "seg.dcm", datasets, labels, segments, uid=generate_uid(entropy_srcs=[tag, "seg"]))
        make_equal(folder / "seg.dcm", generate_uid(entropy_srcs=[tag, "dimensions"]))


def make_equal(path: Path, dimensions: str) -> None:
    """Take the moment of its writing, and what was drawn for it alone, out of a SEG object.

    Args:
        dimensions: the UID of how its frames are organised.
    """

    def settle(_: Dataset, element: DataElement) -> None:
        if element.keyword == "DimensionOrganizationUID":
            element.value = dimensions
        elif element.VR in MOMENT and element.value:
            element.value = MOMENT[element.VR]

    dataset = dcmread(path)
    dataset.walk(settle)
    dataset.save_as(path, enforce_file_format=True)


def draw(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw one body (D, H, W) int16 in Hounsfield units, and its labels."""
    z, y, x = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    shift = random.uniform(-0.15, 0.15, 3)
    organ = ((z - shift[0]) / 0.7) ** 2 + ((y - shift[1]) / 0.5) ** 2 + ((x - shift[2] + 0.2) / 0.45) ** 2 < 1
    middle = shift + random.uniform(-0.15, 0.15, 3) - (0, 0, 0.2)
    lesion = ((z - middle[0]) / 0.3) ** 2 + ((y - middle[1]) / 0.2) ** 2 + ((x - middle[2]) / 0.2) ** 2 < 1
    body = x**2 + y**2 < 0.9
    values = np.where(body, 40.0, -1000.0) + 80 * organ + 150 * lesion + random.normal(0, 15, SHAPE)
    return values.clip(-1024).round().astype(np.int16), np.where(lesion, 2, organ).astype(np.uint8)


def write_series(folder: Path, voxels: np.ndarray, patient: str, tag: str) -> list[Dataset]:
    """Write voxels (slices, rows, columns) as CT files, axial and upright; returns them."""
    study, series, frame = (generate_uid(entropy_srcs=[tag, part]) for part in ("study", "series", "frame"))
    found = []
    for number, plane in enumerate(voxels):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
        instance = generate_uid(entropy_srcs=[tag, str(number)])
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = instance
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study, series, frame
        dataset.PatientID = dataset.PatientName = patient
        dataset.PatientBirthDate = dataset.PatientSex = dataset.StudyID = dataset.AccessionNumber = ""
        dataset.StudyDate = dataset.StudyTime = dataset.ReferringPhysicianName = dataset.PositionReferenceIndicator = ""
        dataset.Modality, dataset.Manufacturer, dataset.SeriesDescription = "CT", "segkit", "generated sample"
        dataset.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
        dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = 1, number + 1, 1
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [0, 0, SPACING[0] * number]
        dataset.PixelSpacing, dataset.SliceThickness = [SPACING[1], SPACING[2]], SPACING[0]
        dataset.Rows, dataset.Columns = plane.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.KVP = 1, -1024, 120
        dataset.PixelData = (plane.astype(np.int32) + 1024).astype("<u2").tobytes()
        dataset.save_as(folder / f"{number:03}.dcm", enforce_file_format=True)
        found.append(dataset)
    return found
