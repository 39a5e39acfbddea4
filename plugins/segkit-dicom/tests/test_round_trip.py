"""SEG objects that are written are read back voxel by voxel, by highdicom and by hand."""

import shutil
import subprocess

import highdicom
import numpy as np
import pydicom
import pytest
from series_files import AXIAL, CORONAL, OBLIQUE, SAGITTAL, labels, slices, voxels, write

from segkit.data.origin import Maker, Origin
from segkit_dicom.formats import DicomFiles
from segkit_dicom.segments import chosen, read_segments, segments_of
from segkit_dicom.series import read_sample, read_volume

TURNS = {"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL, "oblique": OBLIQUE}


def by_hand(path, found):
    """Decode a SEG with nothing but pydicom's elements: labels (slices, rows, columns) of the source's slices."""
    seg = pydicom.dcmread(path)
    places = [np.array(one.ImagePositionPatient, float) for one in found]
    rows, columns = seg.Rows, seg.Columns
    mask = np.zeros((len(found), rows, columns), int)
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    raw = np.frombuffer(seg.PixelData, np.uint8)
    for number, frame in enumerate(seg.PerFrameFunctionalGroupsSequence):
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        at = int(np.argmin([np.abs(place - other).max() for other in places]))
        assert np.abs(place - places[at]).max() < 1e-3
        size = rows * columns
        if seg.SegmentationType == "BINARY":
            plane = bits[number * size : (number + 1) * size].reshape(rows, columns)
            segment = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            mask[at][plane > 0] = segment
        else:
            mask[at] = raw[number * size : (number + 1) * size].reshape(rows, columns)
    return mask


def by_highdicom(path, found):
    """Decode a SEG with highdicom: labels (slices, rows, columns)."""
    seg = highdicom.seg.segread(path)
    uids = [one.SOPInstanceUID for one in found]
    return seg.get_pixels_by_source_instance(
        uids, combine_segments=True, assert_missing_frames_are_empty=True, ignore_spatial_locations=False
    ).astype(int)


def written(tmp_path, axes, form, *, forwards=True):
    """A series, the labels that were predicted of it, and the SEG of them."""
    found = slices(voxels(), axes, forwards=forwards)
    paths = write(tmp_path / "series", found)
    _, stack, _ = read_volume(paths)
    mask = labels()
    order = {path: number for number, path in enumerate(paths)}
    own = np.stack([mask[order[plane.path]] for plane in stack.planes])
    turned = stack.grid.to_volume(own.transpose(2, 1, 0))
    affine = read_sample(paths).affine
    origin = Origin(tuple(paths), affine, ("liver", "tumour"), Maker("unet", "0.1.0", "ab" * 32))
    return found, paths, mask, DicomFiles.write_labels_as(form, tmp_path / "out", turned, origin), turned


@pytest.mark.parametrize("form", ["dicom-seg", "dicom-labelmap"])
@pytest.mark.parametrize("forwards", [True, False])
@pytest.mark.parametrize("turn", TURNS)
def test_seg_is_read_back_voxel_by_voxel(tmp_path, turn, forwards, form):
    """Two independent decoders and segkit's own find every label on the slice, row and column it was given."""
    found, paths, mask, path, turned = written(tmp_path, TURNS[turn], form, forwards=forwards)
    assert np.array_equal(by_hand(path, found), mask)
    assert np.array_equal(by_highdicom(path, found), mask)
    seg = pydicom.dcmread(path)
    _, stack, _ = read_volume(paths)
    own = read_segments(seg, path, stack, chosen(segments_of(seg), ("liver", "tumour")))
    assert np.array_equal(stack.grid.to_volume(own), turned)


@pytest.mark.parametrize("classes", [("liver",), ("liver", "tumour")])
@pytest.mark.parametrize("turn", TURNS)
def test_probabilities_are_fractional_objects_of_each_class(tmp_path, turn, classes):
    """In 256 steps, on the slice, row and column they were given, by pydicom's elements alone."""
    found = slices(voxels(), TURNS[turn], forwards=turn != "coronal")
    paths = write(tmp_path / "series", found)
    _, stack, _ = read_volume(paths)
    draw = np.random.default_rng(0)
    given = draw.dirichlet(np.ones(3), found_shape(found)).astype(np.float32)  # (slices, rows, columns, labels)
    order = [paths.index(plane.path) for plane in stack.planes]
    turned = [stack.grid.to_volume(given[order][..., label].transpose(2, 1, 0)) for label in range(3)]
    values = np.stack(turned if len(classes) == 2 else turned[1:2]).astype(np.float16)
    origin = Origin(tuple(paths), read_sample(paths).affine, classes, Maker("unet", "0.1.0", "ab" * 32))
    written = DicomFiles.write_probabilities_as("dicom-seg", tmp_path / "out", values, origin)
    assert [path.name for path in written] == [f"out-{number}.dcm" for number in range(1, len(classes) + 1)]
    for label, path in enumerate(written, start=1):
        seg = pydicom.dcmread(path)
        assert (seg.SegmentationType, seg.SegmentationFractionalType) == ("FRACTIONAL", "PROBABILITY")
        assert [item.SegmentLabel for item in seg.SegmentSequence] == [classes[label - 1]]
        planes = np.frombuffer(seg.PixelData, np.uint8)[: given[..., 0].size].reshape(given.shape[:3])
        for frame, plane in zip(seg.PerFrameFunctionalGroupsSequence, planes, strict=True):
            place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
            at = [np.allclose(place, np.array(one.ImagePositionPatient, float), atol=1e-3) for one in found].index(True)
            assert np.abs(plane / seg.MaximumFractionalValue - given[at, ..., label]).max() < 0.003
    assert list(DicomFiles.write_probabilities_as("nifti", tmp_path / "out", values, origin)) == []


def found_shape(found):
    """Slices, rows and columns of a series."""
    return len(found), found[0].Rows, found[0].Columns


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (Debian package dicom3tools)")
@pytest.mark.parametrize("form", ["dicom-seg", "dicom-labelmap", "fractional"])
def test_seg_has_no_errors_for_dciodvfy(tmp_path, form):
    """The checker of dicom3tools finds no error in a SEG that was written."""
    _, paths, _, path, turned = written(tmp_path, OBLIQUE, "dicom-seg" if form == "fractional" else form)
    if form == "fractional":
        origin = Origin(tuple(paths), read_sample(paths).affine, ("liver",), Maker("unet", "0.1.0", "ab" * 32))
        [path] = DicomFiles.write_probabilities_as("dicom-seg", tmp_path / "p", (turned[None] / 2).astype("f2"), origin)
    told = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (told.stdout + told.stderr).splitlines()
    errors = [line for line in lines if line.startswith("Error")]
    if form == "dicom-labelmap" and any("Information Object Not found" in line for line in errors):
        pytest.skip("this dciodvfy does not know label map segmentations")
    assert not errors
