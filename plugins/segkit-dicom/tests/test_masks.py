"""Masks of SEG and RTSTRUCT objects lie where they were drawn, or are refused in words."""

import numpy as np
import pydicom
import pytest
from matplotlib.path import Path as Outline
from series_files import AXIAL, SAGITTAL, labels, slices, voxels, write

from segkit import SegkitError, UnusableFileError
from segkit_dicom.headers import RTSTRUCT, SEG
from segkit_dicom.params import DicomParams
from segkit_dicom.reader import DicomReader
from segkit_dicom.seg_out import Segment, write_seg
from segkit_dicom.series import read_sample

NO_SPLITS = {"val": 0.0, "test": 0.0}
SEGMENTS = [Segment("liver", ("SCT", "10200004", "Liver")), Segment("tumour")]


def patient(root, number=0, axes=AXIAL, shape=(5, 6, 7)):
    """A series without a mask."""
    found = slices(voxels(shape), axes, patient=f"P{number}")
    write(root / f"p{number}" / "ct", found)
    return found


def struct(found, contours):
    """An RTSTRUCT of a series: contours (n, 3) in mm by the ROI's name."""
    one = pydicom.Dataset()
    one.file_meta = pydicom.dataset.FileMetaDataset()
    one.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = RTSTRUCT
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    one.Modality, one.PatientID = "RTSTRUCT", found[0].PatientID
    series, study, frame = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    series.SeriesInstanceUID = found[0].SeriesInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = found[0].FrameOfReferenceUID, [study]
    one.ReferencedFrameOfReferenceSequence = [frame]
    rois, drawn = [], []
    for number, (name, outlines) in enumerate(contours.items(), start=1):
        roi, item = pydicom.Dataset(), pydicom.Dataset()
        roi.ROINumber, roi.ROIName, item.ReferencedROINumber = number, name, number
        item.ContourSequence = []
        for points in outlines:
            contour = pydicom.Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(points)
            contour.ContourData = [round(float(value), 5) for value in np.ravel(points)]
            item.ContourSequence.append(contour)
        rois.append(roi)
        drawn.append(item)
    one.StructureSetROISequence, one.ROIContourSequence = rois, drawn
    return one


def to_mm(one, columns_rows):
    """Positions of pixels (n, 2), column and row, of a slice."""
    row, column = np.array(one.ImageOrientationPatient, float).reshape(2, 3)
    down, across = (float(value) for value in one.PixelSpacing)
    start = np.array(one.ImagePositionPatient, float)
    return start + np.outer(columns_rows[:, 0] * across, row) + np.outer(columns_rows[:, 1] * down, column)


@pytest.mark.parametrize("axes", [AXIAL, SAGITTAL])
def test_contours_are_filled_as_matplotlib_fills_them(tmp_path, axes):
    """A star and a hole in it, drawn off the pixels' centres, at two orientations."""
    found = patient(tmp_path, axes=axes, shape=(3, 40, 48))
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    radius = np.where(np.arange(14) % 2, 9.3, 17.1)
    star = np.stack([24.13 + radius * np.cos(angles), 19.77 + radius * np.sin(angles)], axis=1)
    hole = np.array([[21.2, 16.3], [27.6, 17.1], [25.9, 22.8], [20.4, 21.5]])
    struct(found, {"liver": [to_mm(found[1], star), to_mm(found[1], hole)]}).save_as(
        tmp_path / "p0" / "rt.dcm", enforce_file_format=True
    )
    reader = DicomReader(tmp_path, DicomParams(**NO_SPLITS))
    [case] = reader.cases("train")
    mask = reader.read(case).mask
    rows, columns = np.mgrid[:40, :48]
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
    inside = (Outline(star).contains_points(centres) ^ Outline(hole).contains_points(centres)).reshape(40, 48)
    # The mask is laid on the image that the same labels make as pixels.
    painted = slices(np.stack([np.zeros_like(inside), inside, np.zeros_like(inside)]).astype(np.int16), axes)
    expected = read_sample(write(tmp_path / "painted", painted)).image[0]
    assert np.array_equal(mask, expected)
    assert 300 < mask.sum() < 700


def test_segments_are_chosen_by_label_or_code(tmp_path):
    """Classes are taken in the order that is asked for, by a segment's label or its code."""
    for number in range(2):
        found = patient(tmp_path, number)
        write_seg(tmp_path / f"p{number}" / "seg.dcm", found, labels(), SEGMENTS)
    plain = DicomReader(tmp_path, DicomParams(**NO_SPLITS))
    coded = DicomReader(tmp_path, DicomParams(classes=("tumour", "SCT:10200004"), **NO_SPLITS))
    assert plain.task.classes == ("liver", "tumour")
    first, second = (reader.read(reader.cases("train")[0]).mask for reader in (plain, coded))
    assert np.array_equal(np.array([0, 2, 1])[first], second)
    assert {case.group for case in plain.cases("train")} == {case.group for case in coded.cases("train")}
    with pytest.raises(SegkitError, match="tumuor"):
        DicomReader(tmp_path, DicomParams(classes=("tumuor",), **NO_SPLITS))


def fractional(seg):
    """Shares in place of yes and no."""
    seg.SegmentationType = "FRACTIONAL"


def elsewhere(seg):
    """Of another frame of reference."""
    seg.FrameOfReferenceUID = "1.2.3"


def aside(seg):
    """Half a voxel beside the image."""
    for frame in seg.PerFrameFunctionalGroupsSequence:
        place = frame.PlanePositionSequence[0]
        place.ImagePositionPatient = [place.ImagePositionPatient[0] + 0.4, *place.ImagePositionPatient[1:]]


@pytest.mark.parametrize(
    ("spoil", "words"), [(fractional, "fractional"), (elsewhere, "frame of reference"), (aside, "another grid")]
)
def test_mask_that_does_not_fit_is_refused_and_the_others_go_on(tmp_path, spoil, words):
    """One sentence names the mask; the other series can be read."""
    for number in range(2):
        found = patient(tmp_path, number)
        write_seg(tmp_path / f"p{number}" / "seg.dcm", found, labels(), SEGMENTS)
    path = tmp_path / "p0" / "seg.dcm"
    seg = pydicom.dcmread(path)
    assert seg.SOPClassUID == SEG
    spoil(seg)
    seg.save_as(path, enforce_file_format=True)
    reader = DicomReader(tmp_path, DicomParams(**NO_SPLITS))
    told, read = [str(one) for one in reader.verify()], 0
    for case in reader.cases("train"):
        try:
            reader.read(case)
            read += 1
        except UnusableFileError as error:
            told.append(str(error))
    assert read == 1
    assert any(words in sentence and "seg.dcm" in sentence for sentence in told)


def test_mixed_tree_is_sorted_by_what_files_say(tmp_path):
    """Files of two series and their masks in one folder, without endings, are two cases."""
    for number in range(2):
        found = slices(voxels(), patient=f"P{number}")
        for place, one in enumerate(found):
            one.save_as(tmp_path / f"{place}{number}", enforce_file_format=True)
        write_seg(tmp_path / f"mask{number}", found, labels(seed=number), SEGMENTS)
    reader = DicomReader(tmp_path, DicomParams(**NO_SPLITS))
    assert [len(case.files) for case in reader.cases("train")] == [6, 6]
    assert not reader.verify()
    assert not reader.left_out


def test_the_background_of_a_label_map_is_no_class(tmp_path):
    """It is described as segment 0, and called Background: a class of that name would be nearly all voxels."""
    drawn = labels()
    for number in range(3):
        found = patient(tmp_path, number)
        write_seg(tmp_path / f"p{number}" / "seg.dcm", found, drawn, SEGMENTS, labelmap=True)
    reader = DicomReader(tmp_path, DicomParams(**NO_SPLITS))
    assert reader.task.classes == ("liver", "tumour")
    mask = reader.read(reader.cases("train")[0]).mask
    assert [int((mask == label).sum()) for label in (0, 1, 2)] == [int((drawn == label).sum()) for label in (0, 1, 2)]
