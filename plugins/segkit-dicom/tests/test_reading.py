"""A series becomes one volume in RAS, whatever the order and the names of its files."""

import os

import numpy as np
import pytest
import SimpleITK
from series_files import AXIAL, CORONAL, OBLIQUE, SAGITTAL, slices, voxels, write

from segkit_dicom import headers
from segkit_dicom.series import read_sample

TURNS = {"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL, "oblique": OBLIQUE}


def by_itk(paths):
    """What ITK's series reader gives, turned to RAS: values (D, H, W) and the affine of that order to RAS."""
    folder = str(paths[0].parent)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    # ITK's letters say where an axis comes from: LPS there is where DICOM's axes go to.
    image = SimpleITK.DICOMOrient(reader.Execute(), "RAS")
    turn = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn, image.GetOrigin()
    affine = np.diag([-1, -1, 1, 1]) @ affine
    return SimpleITK.GetArrayFromImage(image), affine[:, [2, 1, 0, 3]]


@pytest.mark.parametrize("forwards", [True, False])
@pytest.mark.parametrize("turn", TURNS)
def test_series_is_read_as_itk_reads_it(tmp_path, turn, forwards):
    """Values, spacing and affine are those of ITK's series reader, at every orientation."""
    paths = write(tmp_path / "series", slices(voxels(), TURNS[turn], forwards=forwards))
    sample = read_sample(paths)
    values, affine = by_itk(paths)
    assert np.array_equal(sample.image[0], values)
    assert np.allclose(sample.affine, affine, atol=1e-4)
    assert np.allclose(sample.spacing, np.linalg.norm(affine[:3, :3], axis=0), atol=1e-4)
    assert sample.image.dtype == np.int16


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
def test_a_named_pipe_is_not_waited_for(tmp_path) -> None:
    """It is no DICOM file, whatever it is called, and nobody waits for its other end."""
    for name in ("pipe", "pipe.dcm"):
        os.mkfifo(tmp_path / name)
        assert not headers.is_dicom(tmp_path / name)
        assert headers.series_uid(tmp_path / name) == ""
