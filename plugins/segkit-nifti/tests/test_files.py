"""Opening NIfTI files of every kind, and refusing in words what cannot be used; nibabel wrote all of them."""

from __future__ import annotations

import contextlib
import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segkit import UnusableFileError
from segkit_nifti.files import open_nifti, stem_of
from segkit_nifti.volumes import read_image, read_label, write_label

VALUES = np.random.default_rng(0).integers(-1000, 2000, (4, 5, 6)).astype(np.int16)


def save(path: Path, values: np.ndarray = VALUES, affine: np.ndarray | None = None, kind=nib.Nifti1Image) -> Path:
    """Write an array (X, Y, Z) with nibabel."""
    nib.save(kind(values, np.diag([1.0, 2, 3, 1]) if affine is None else affine, dtype=values.dtype), path)
    return path


def image_of(path: Path, channels: int | None = 1) -> np.ndarray:
    """The file's image (C, D, H, W)."""
    return read_image([path], [path.name], channels)[0]


def refused(path: Path, read=image_of) -> UnusableFileError:
    """What reading the file is refused with; it names the file, is one line and has a way out."""
    with pytest.raises(UnusableFileError) as caught:
        read(path)
    error = caught.value
    assert error.message.startswith(path.name)
    assert "\n" not in str(error)
    assert error.hint
    return error


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_both_versions_packed_or_not(tmp_path, name, kind):
    """Values are those that were written, first axis last."""
    assert np.array_equal(image_of(save(tmp_path / name, kind=kind))[0], VALUES.transpose(2, 1, 0))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_type_in_either_byte_order(tmp_path, dtype, order):
    """Whole numbers that int16 holds stay exact int16, floats become float32, big-endian or not."""
    values = np.abs(VALUES % 100).astype(order + dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(values.dtype)
    nib.save(nib.Nifti1Image(values, np.eye(4), header), tmp_path / "a.nii.gz")
    assert open_nifti(tmp_path / "a.nii.gz").header.endianness == order
    image = image_of(tmp_path / "a.nii.gz")
    assert image.dtype == (np.float32 if dtype[0] == "f" else np.int16)
    assert np.array_equal(image[0], values.transpose(2, 1, 0))


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"), [(1, -1024, np.int16), (0.5, 3, np.float32), (2, 0, np.int16)]
)
def test_scaled_values_are_nibabels(tmp_path, slope, intercept, dtype):
    """scl_slope and scl_inter are applied; whole results stay integers."""
    image = nib.Nifti1Image(VALUES, np.eye(4))
    image.header.set_slope_inter(slope, intercept)
    nib.save(image, tmp_path / "a.nii.gz")
    raw = open_nifti(tmp_path / "a.nii.gz")
    raw.header.set_slope_inter(slope, intercept)
    block = bytes(raw.header.binaryblock) + b"\0\0\0\0" + VALUES.tobytes(order="F")
    (tmp_path / "b.nii").write_bytes(block)
    found = image_of(tmp_path / "b.nii")
    assert found.dtype == dtype
    assert np.allclose(found[0], nib.load(tmp_path / "b.nii").get_fdata().transpose(2, 1, 0))


def test_large_whole_numbers_become_floats(tmp_path):
    """What int16 does not hold is not wrapped around."""
    values = np.array([0, 40000], np.uint16).reshape(1, 1, 2)
    assert image_of(save(tmp_path / "a.nii", values)).ravel().tolist() == [0.0, 40000.0]


def test_content_decides_not_the_name(tmp_path):
    """A file that is named .nii.gz and is not packed is read all the same, and the other way round."""
    plain = save(tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(plain)
    (tmp_path / "c.nii").write_bytes(gzip.compress(plain))
    assert np.array_equal(image_of(tmp_path / "b.nii.gz"), image_of(tmp_path / "c.nii"))


def test_one_slice_and_two_dimensions(tmp_path):
    """A volume of one slice is a volume; so is a file of two dimensions."""
    assert image_of(save(tmp_path / "a.nii", VALUES[:, :, :1])).shape == (1, 1, 5, 4)
    assert image_of(save(tmp_path / "b.nii", VALUES[:, :, 0])).shape == (1, 1, 5, 4)


def test_fourth_dimension(tmp_path):
    """Of one entry: as if it were not there; of the task's channels: these; else refused with both numbers."""
    assert image_of(save(tmp_path / "a.nii", VALUES[..., None])).shape == (1, 6, 5, 4)
    two = save(tmp_path / "b.nii", np.stack([VALUES, VALUES + 1], -1))
    assert np.array_equal(image_of(two, 2)[1], image_of(two, 2)[0] + 1)
    assert "has 2 volumes, the dataset's images have 1 channel" in refused(two).message
    five = save(tmp_path / "c.nii", np.zeros((2, 2, 2, 3, 2), np.int16))
    assert "5 dimensions (2x2x2x3x2)" in refused(five).message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path, value):
    """NaN and infinities are counted."""
    values = VALUES.astype(np.float32)
    values[0, :2, 0] = value
    assert "has 2 voxels that are NaN or infinite" in refused(save(tmp_path / "a.nii.gz", values)).message


def test_float_too_large_for_float32(tmp_path):
    """A double that overflows is told as infinite, not read as such."""
    assert "1 voxel that is" in refused(save(tmp_path / "a.nii", np.array([[[1e300, 0.0]]]))).message


@pytest.mark.parametrize("keep", [0, 1, 40, 200, 0.5, -1, -9])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_cut_short(tmp_path, name, keep):
    """A file that ends early anywhere, in header, voxels or checksum, is refused."""
    whole = save(tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    refused(tmp_path / name)


def test_flipped_bit_is_found_by_the_checksum(tmp_path):
    """Damage that still unpacks does not pass for a volume."""
    packed = bytearray(gzip.compress(save(tmp_path / "a.nii").read_bytes(), 0))
    packed[len(packed) // 2] ^= 1
    (tmp_path / "b.nii.gz").write_bytes(packed)
    assert "damaged" in refused(tmp_path / "b.nii.gz").message


def test_more_than_the_memory(tmp_path, monkeypatch):
    """A volume that would not fit is told with its size, whatever its packed file is small enough for."""
    path = save(tmp_path / "a.nii.gz", np.zeros((200, 200, 200), np.int16))
    monkeypatch.setattr("os.sysconf", lambda name: 1 << (4 if name == "SC_PHYS_PAGES" else 21))
    found = refused(path)
    assert "promises 200x200x200 voxels" in found.message
    monkeypatch.undo()
    assert image_of(path).shape == (1, 200, 200, 200)


def test_no_regular_file(tmp_path):
    """A named pipe is refused, not waited for."""
    os.mkfifo(tmp_path / "a.nii")
    assert "is no regular file" in refused(tmp_path / "a.nii").message


@pytest.mark.parametrize(("place", "count"), [(40, 0), (40, 8), (108, 0)])
def test_headers_that_point_nowhere(tmp_path, place, count):
    """No dimensions, more than there are, voxels within the header."""
    content = bytearray(save(tmp_path / "a.nii").read_bytes())
    content[place : place + 4] = np.array(count, "<f4").tobytes() if place == 108 else content[place : place + 4]
    content[place : place + 2] = np.array(count, "<i2").tobytes() if place == 40 else content[place : place + 2]
    (tmp_path / "a.nii").write_bytes(content)
    refused(tmp_path / "a.nii")


def test_values_that_are_none(tmp_path):
    """-3.4e38 for no value is refused, and so are values that few voxels drown the others with."""
    values = VALUES.astype(np.float32)
    values[0, 0, 0] = np.finfo(np.float32).min
    assert "has 1 voxel that is beyond 1e+18" in refused(save(tmp_path / "a.nii", values)).message
    many = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    many[0, 0, 0] = -1e9
    assert "has values from -1e+09 to" in refused(save(tmp_path / "b.nii", many)).message
    many[0, 0, 0] = -1000
    assert image_of(save(tmp_path / "c.nii", many)).min() == -1000


@pytest.mark.parametrize("dtype", ["u8", "i8", "f4", "f8"])
def test_labels_of_wide_types(tmp_path, dtype):
    """Whole numbers of any type are labels; what no label is, is told and not wrapped around."""
    labels = (np.abs(VALUES) % 4).astype(dtype)
    assert np.array_equal(read_label(save(tmp_path / "a.nii", labels))[0], labels.transpose(2, 1, 0))
    labels[0, 0, 0] = 2**63 if dtype == "u8" else 2**40
    assert "a.nii has" in refused(save(tmp_path / "a.nii", labels), read_label).message or dtype == "i8"


def test_header_that_promises_too_much(tmp_path):
    """A header of terabytes allocates nothing."""
    content = bytearray(save(tmp_path / "a.nii").read_bytes())
    content[42:48] = np.array([32000, 32000, 32000], "<i2").tobytes()
    (tmp_path / "a.nii").write_bytes(content)
    assert "32000x32000x32000" in refused(tmp_path / "a.nii").message


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 347), st.integers(0, 255)), min_size=1, max_size=4))
def test_any_header_is_read_or_refused_in_words(tmp_path, changes):
    """Whatever bytes a header has: a volume, or an error that names the file."""
    path = save(tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place] = value
    path.write_bytes(content)
    for read in (image_of, read_label, lambda path: write_label(tmp_path / "b", np.zeros((6, 5, 4), np.uint8), path)):
        with contextlib.suppress(UnusableFileError):
            read(path)


@pytest.mark.parametrize(("place", "value"), [(70, 6), (108, np.float32(np.nan)), (112, np.float32(1e30))])
def test_headers_that_once_failed(tmp_path, place, value):
    """An unknown data type, no place where voxels begin, a scale that takes labels beyond all numbers."""
    content = bytearray(save(tmp_path / "a.nii").read_bytes())
    content[place : place + 2 + 2 * (place != 70)] = np.array(value, "<i2" if place == 70 else "<f4").tobytes()
    (tmp_path / "a.nii").write_bytes(content)
    refused(tmp_path / "a.nii", read_label)


def test_dicom_names_a_converter(tmp_path):
    """By its content, its suffix or its being a folder."""
    (tmp_path / "a.nii").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 400)
    (tmp_path / "b.dcm").write_bytes(b"\0" * 400)
    (tmp_path / "series.nii").mkdir()
    for name in ("a.nii", "b.dcm", "series.nii"):
        assert "dcm2niix" in refused(tmp_path / name).hint


def test_other_formats(tmp_path):
    """Pairs of .hdr and .img, Analyze, text, complex numbers and colours are named as what they are."""
    nib.save(nib.Nifti1Pair(VALUES, np.eye(4)), tmp_path / "pair.hdr")
    assert "pair of .hdr and .img" in refused(tmp_path / "pair.hdr").message
    nib.save(nib.AnalyzeImage(VALUES, np.eye(4)), tmp_path / "old.hdr")
    assert "Analyze" in refused(tmp_path / "old.hdr").message
    (tmp_path / "text.nii").write_text("NRRD0004 and so on")
    assert "is no NIfTI file" in refused(tmp_path / "text.nii").message
    assert "complex" in refused(save(tmp_path / "c.nii", VALUES.astype(np.complex64))).message
    colours = np.zeros((2, 2, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "colours" in refused(save(tmp_path / "rgb.nii", colours)).message


def test_missing_file(tmp_path):
    """The system's reason is told."""
    assert "No such file" in refused(tmp_path / "gone.nii.gz").message


def test_labels_as_floats(tmp_path):
    """Whole floats are labels, others are refused with examples; labels above 255 stay what they are."""
    labels = (VALUES % 4).astype(np.float64)
    assert np.array_equal(read_label(save(tmp_path / "a.nii", labels))[0], labels.transpose(2, 1, 0))
    labels[0, 0, :2] = 0.5, 1.25
    found = refused(save(tmp_path / "b.nii", labels), read_label)
    assert "not whole numbers: 0.5, 1.25" in found.message
    labels[0, 0, :2] = np.nan
    assert "not whole numbers" in refused(save(tmp_path / "c.nii", labels), read_label).message
    assert read_label(save(tmp_path / "d.nii", VALUES))[0].min() == VALUES.min()


def test_label_of_several_volumes(tmp_path):
    """One class per volume is no label map."""
    path = save(tmp_path / "a.nii", np.zeros((2, 2, 2, 3), np.uint8))
    assert "has 3 volumes, a label map one" in refused(path, read_label).message


def test_stems():
    """The suffix is .nii or .nii.gz in any capitals; nothing else."""
    names = ["a.nii", "a.nii.gz", "A.NII.GZ", "a.b.nii.gz", ".nii.gz", "a.gz", "a.nii.png"]
    assert [stem_of(name) for name in names] == ["a", "a", "A", "a.b", None, None, None]
