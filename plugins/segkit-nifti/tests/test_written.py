"""Written label maps: nibabel reads them, and geometry and codes are the reference's."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segkit import SegkitError
from segkit_nifti.reader import VolumeReader
from segkit_nifti.volumes import read_label, write_label

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
GEOMETRY = ("sizeof_hdr", "magic", "dim", "pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c")
GEOMETRY += ("quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z")
REAL = (
    "amos-label-0013/amos_0013.nii.gz",
    "amos-mini/labelsVa/amos_0507.nii.gz",
    "amos-mini/labelsTr/amos_0001.nii.gz",
)


def same_geometry(written: Path, reference: Path) -> None:
    """Assert that shape, affine, codes and every field of the grid are equal, bit for bit."""
    found, wanted = nib.load(written), nib.load(reference)
    assert found.shape == wanted.shape[:3]
    assert np.array_equal(found.affine, wanted.affine)
    assert found.header.endianness == wanted.header.endianness
    assert type(found.header) is type(wanted.header)
    for field in GEOMETRY:
        if field != "dim" or wanted.ndim == 3:
            assert found.header[field].tobytes() == wanted.header[field].tobytes(), field


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("qform", "sform"), [(0, 0), (1, 0), (0, 2), (1, 1), (4, 3)])
def test_codes_and_affines(tmp_path, order, qform, sform):
    """Whatever combination of qform and sform a reference has, even two that disagree, is there again."""
    header = nib.Nifti1Header(endianness=order)
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), None, header)
    matrix = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1) @ np.diag([-0.7, -0.7, 5]), [1, 2, 3])
    image.header.set_zooms((0.7, 0.7, 5))
    image.header.set_xyzt_units("mm", "sec")
    image.set_qform(matrix, qform)
    image.set_sform(np.diag([-0.7, -0.7, 5, 1]), sform)
    nib.save(image, tmp_path / "like.nii.gz")
    labels = np.zeros(read_label(tmp_path / "like.nii.gz")[0].shape, np.uint8)
    labels[2, 3, 1] = 7
    written = write_label(tmp_path / "out", labels, tmp_path / "like.nii.gz")
    same_geometry(written, tmp_path / "like.nii.gz")
    assert np.array_equal(read_label(written)[0], labels)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_nothing_personal_is_copied(tmp_path, kind):
    """Free texts and extensions stay behind; type, scaling and display range are those of labels."""
    image = kind(np.full((3, 3, 3), 900, np.int16), np.eye(4))
    image.header["descrip"] = b"DOE^JOHN 1970-01-01"
    image.header["aux_file"] = b"/home/doe/scan"
    image.header["cal_max"] = 900
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DOE^JOHN"))
    nib.save(image, tmp_path / "like.nii")
    written = write_label(tmp_path / "out", np.ones((3, 3, 3), np.uint8), tmp_path / "like.nii")
    same_geometry(written, tmp_path / "like.nii")
    found = nib.load(written)
    assert b"doe" not in found.to_bytes().lower()
    assert not found.header.extensions
    assert found.get_data_dtype() == np.uint8
    assert float(found.header["cal_max"]) == 0
    assert np.array_equal(found.get_fdata(), np.ones((3, 3, 3)))


def test_equal_labels_are_equal_files(tmp_path):
    """No time of writing and no name is in the file."""
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "like.nii")
    first, second = (
        write_label(tmp_path / name, np.ones((2, 2, 2), np.uint8), tmp_path / "like.nii") for name in ("a", "b.c")
    )
    assert (first.name, second.name) == ("a.nii.gz", "b.c.nii.gz")
    assert first.read_bytes() == second.read_bytes()


def test_reference_of_four_dimensions(tmp_path):
    """The label map of a multi-channel image has its grid and one volume."""
    nib.save(nib.Nifti1Image(np.zeros((2, 3, 4, 2), np.int16), np.diag([1, 2, 3, 1])), tmp_path / "like.nii")
    written = write_label(tmp_path / "a", np.ones((4, 3, 2), np.uint8), tmp_path / "like.nii")
    same_geometry(written, tmp_path / "like.nii")


def test_labels_of_another_grid_are_refused(tmp_path):
    """A label map that does not fit its reference is not written."""
    nib.save(nib.Nifti1Image(np.zeros((2, 3, 4), np.int16), np.eye(4)), tmp_path / "like.nii")
    with pytest.raises(SegkitError, match=r"a grid of \(4, 3, 2\) voxels, the labels have \(2, 3, 4\)"):
        write_label(tmp_path / "a", np.ones((2, 3, 4), np.uint8), tmp_path / "like.nii")
    assert not list(tmp_path.glob("*a.nii.gz*"))


@pytest.mark.parametrize("name", REAL)
def test_real_labels_there_and_back(tmp_path, name):
    """Real label maps in LAS, LPS and RAS are the same after reading and writing."""
    if not (SHARED / name).is_file():
        pytest.skip(f"../shared/data/{name} is not here")
    written = VolumeReader.write_labels(tmp_path / "a", VolumeReader.read_labels(SHARED / name), SHARED / name)
    same_geometry(written, SHARED / name)
    found, wanted = (np.asanyarray(nib.load(path).dataobj) for path in (written, SHARED / name))
    assert np.array_equal(found, wanted)


def test_file_outside_a_dataset(tmp_path):
    """`open_file` gives image, spacing and affine in RAS, whatever number of channels there is."""
    nib.save(
        nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([-1, 2, 3, 1])), tmp_path / "a.nii"
    )
    sample = VolumeReader.open_file(tmp_path / "a.nii")
    assert sample.image.shape == (1, 4, 3, 2)
    assert sample.image[0, 0, 0].tolist() == [12, 0]
    assert sample.spacing == (3, 2, 1)
    assert sample.affine @ [0, 0, 0, 1] == pytest.approx([-1, 0, 0, 1])
