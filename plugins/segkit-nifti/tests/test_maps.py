"""Maps of numbers, such as heat maps, lie on the image's grid in any orientation and byte order."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from segkit import SegkitError
from segkit_nifti.volumes import read_image, write_map

AFFINES = {
    "RAS": np.diag([1.0, 2.0, 3.0, 1.0]),
    "LPS": np.diag([-1.0, -2.0, 3.0, 1.0]),
    "turned": np.array([[0, 0, 2.0, 5], [-1.0, 0, 0, 6], [0, 3.0, 0, 7], [0, 0, 0, 1]]),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", AFFINES)
def test_a_map_is_written_as_its_image_lies(tmp_path, name, order):
    """nibabel gives the image's own numbers back, voxel by voxel, with its affine."""
    values = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, AFFINES[name], header), tmp_path / "image.nii.gz")
    turned, _ = read_image([tmp_path / "image.nii.gz"], ["image.nii.gz"], 1)
    found = nibabel.load(write_map(tmp_path / "map", turned[0], tmp_path / "image.nii.gz"))
    assert np.array_equal(found.get_fdata(dtype=np.float32), values)
    assert np.array_equal(found.affine, AFFINES[name])
    assert found.get_data_dtype() == np.dtype(np.float32).newbyteorder(order)


def test_a_map_of_another_grid_is_an_error(tmp_path):
    """Named, with both grids."""
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.float32), np.eye(4)), tmp_path / "image.nii.gz")
    with pytest.raises(SegkitError, match=r"\(6, 5, 4\) voxels, the map has \(4, 5, 6\)"):
        write_map(tmp_path / "map", np.zeros((4, 5, 6)), tmp_path / "image.nii.gz")
