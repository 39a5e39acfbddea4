"""Values are those that were measured, however they are stored."""

import copy

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
from series_files import slices, voxels, write

from segkit_dicom.pixels import rescaled
from segkit_dicom.series import read_sample


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless], ids=lambda syntax: syntax.keyword)
def test_compressed_pixels_are_those_of_the_plain_file(tmp_path, syntax):
    """Without loss compressed, a series reads as the plain one."""
    found = slices(voxels((2, 120, 128)) % 3000)  # more than what is read with the header
    plain = read_sample(write(tmp_path / "plain", found)).image
    for one in found:
        one.compress(syntax, generate_instance_uid=False)
    assert np.array_equal(read_sample(write(tmp_path / "packed", found)).image, plain)


def test_signed_pixels_and_a_slope_of_each_slice(tmp_path):
    """Signed values are signed, and every slice has its own slope and intercept, as PET has."""
    values = voxels((3, 4, 5)) - 30
    found = slices(values, PixelRepresentation=1)
    for number, one in enumerate(found):
        one.PixelData = values[number].astype("<i2").tobytes()
        one.RescaleSlope, one.RescaleIntercept = 0.5 * (number + 1), number
    image = read_sample(write(tmp_path, found)).image[0]
    # LPS to RAS: rows and columns are turned round.
    expected = np.stack([values[n] * 0.5 * (n + 1) + n for n in range(3)])[:, ::-1, ::-1]
    assert np.allclose(image, expected)
    assert image.dtype == np.float32


@pytest.mark.parametrize(("modality", "turned"), [("DX", True), ("CT", False)])
def test_monochrome1_is_turned_round_where_a_picture_was_taken(tmp_path, modality, turned):
    """Of a radiograph the largest value is black; of measured values it is a way of showing them."""
    found = slices(voxels((2, 4, 5)), Modality=modality, RescaleIntercept=0)
    plain = read_sample(write(tmp_path / "plain", found)).image.astype(int)
    for one in found:
        one.PhotometricInterpretation = "MONOCHROME1"
    image = read_sample(write(tmp_path / "other", found)).image
    assert np.array_equal(image, 65535 - plain if turned else plain)


def test_bits_that_are_not_used_are_not_values(tmp_path):
    """Of 16 bits 12 are values; what stands above them is something else."""
    found = slices(voxels((2, 4, 5)), BitsStored=12, HighBit=11)
    plain = read_sample(write(tmp_path / "plain", found)).image
    for one in found:
        one.PixelData = (np.frombuffer(one.PixelData, "<u2") | 0xF000).astype("<u2").tobytes()
    assert np.array_equal(read_sample(write(tmp_path / "above", found)).image, plain)


def multi_frame(found):
    """The slices of a series as the frames of one enhanced CT object, in the order they come in."""
    one = copy.deepcopy(found[0])
    one.file_meta = found[0].file_meta
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    one.NumberOfFrames = len(found)
    one.PixelData = b"".join(part.PixelData for part in found)
    frames = []
    for part in found:
        frame, place = pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = part.ImagePositionPatient
        frame.PlanePositionSequence = [place]
        frames.append(frame)
    shared, turn, measures, values = (pydicom.Dataset() for _ in range(4))
    turn.ImageOrientationPatient = found[0].ImageOrientationPatient
    measures.PixelSpacing = found[0].PixelSpacing
    values.RescaleSlope, values.RescaleIntercept = found[0].RescaleSlope, found[0].RescaleIntercept
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [turn], [measures]
    shared.PixelValueTransformationSequence = [values]
    one.PerFrameFunctionalGroupsSequence, one.SharedFunctionalGroupsSequence = frames, [shared]
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(one, name)
    return one


def test_frames_are_read_as_the_slices_that_they_are(tmp_path):
    """A file of several frames, in any order, is the volume that files of one slice each are."""
    found = slices(voxels())
    plain = read_sample(write(tmp_path / "plain", found))
    mixed = [found[number] for number in (3, 0, 4, 1, 2)]
    sample = read_sample(write(tmp_path / "frames", [multi_frame(mixed)]))
    assert np.array_equal(sample.image, plain.image)
    assert np.allclose(sample.affine, plain.affine)


def test_rescaling_in_16_bits_is_that_of_whole_numbers():
    """Stored as 8 or 16 bits, signed or not: whatever comes out fits, or is float32."""
    draw = np.random.default_rng(0)
    for stored in (np.uint8, np.int8, np.uint16, np.int16):
        limits = np.iinfo(stored)
        for slope in (1, 2, -1, 0, 100, 65536):
            for intercept in (0, -1024, -32768, 40000):
                low = int(draw.integers(limits.min, limits.max))
                values = draw.integers(low, min(low + 200, limits.max) + 1, 30).astype(stored)
                expected = values.astype(np.int64) * slope + intercept
                found = rescaled(values, float(slope), float(intercept))
                fits = expected.min() >= -32768 and expected.max() <= 32767
                assert found.dtype == (np.int16 if fits else np.float32)
                np.testing.assert_array_equal(found, expected.astype(found.dtype))
