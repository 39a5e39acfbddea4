"""Orientation, spacing, and grids that are or are not the same; against nibabel."""

from __future__ import annotations

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform

from segkit import UnusableFileError
from segkit_nifti.grid import check_same_grid, grid_of
from segkit_nifti.volumes import read_label, write_label

SPACING = np.diag([0.7, 1.5, 4.0, 1.0])
ORIENTATIONS = [
    "".join(sides[axis] for axis, sides in zip(order, signs, strict=True))
    for order in permutations(range(3))
    for signs in product(("RAS", "LPI"), repeat=3)
]


def turned(values: np.ndarray, affine: np.ndarray, codes: str) -> nib.Nifti1Image:
    """An image in RAS, written in another orientation."""
    return nib.Nifti1Image(values, affine).as_reoriented(
        ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(tuple(codes)))
    )


def header_of(affine: np.ndarray, shape: tuple[int, ...] = (4, 5, 6)) -> nib.Nifti1Header:
    """The header of an image with that affine."""
    image = nib.Nifti1Image(np.zeros(shape, np.uint8), affine)
    image.header.set_sform(affine, 1)
    return image.header


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_all_48_orientations(tmp_path, codes):
    """The turned volume is the one in RAS, and what is written back is the file, bit for bit."""
    values = np.random.default_rng(1).integers(0, 9, (4, 5, 6), dtype=np.uint8)
    affine = SPACING.copy()
    affine[:3, 3] = 10, -20, 30
    image = turned(values, affine, codes)
    assert nib.aff2axcodes(image.affine) == tuple(codes)
    nib.save(image, tmp_path / "a.nii.gz")
    labels, grid = read_label(tmp_path / "a.nii.gz")
    assert np.array_equal(labels, values.transpose(2, 1, 0))
    assert grid.spacing == pytest.approx((4.0, 1.5, 0.7))
    assert np.allclose(grid.affine, affine[:, [2, 1, 0, 3]], atol=1e-5)
    written = nib.load(write_label(tmp_path / "b", labels, tmp_path / "a.nii.gz"))
    assert np.array_equal(np.asanyarray(written.dataobj), np.asanyarray(image.dataobj))
    assert np.array_equal(written.affine, nib.load(tmp_path / "a.nii.gz").affine)


def test_oblique_volume_keeps_its_angles():
    """Axes are only swapped and flipped: the turned affine is still oblique, the spacing that along the axes."""
    tilt = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.2, 0.1, -0.15) @ np.diag([-1, 2, 3]), [5, 6, 7])
    grid = grid_of(header_of(tilt), "a")
    assert grid.spacing == pytest.approx((3, 2, 1))
    expected = tilt @ inv_ornt_aff(nib.io_orientation(tilt), (4, 5, 6))
    assert np.allclose(grid.affine, expected[:, [2, 1, 0, 3]], atol=1e-5)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("unknown", 1), ("micron", 1e-3), ("meter", 1e3)])
def test_units(unit, factor):
    """Spacing is in mm, whatever unit the header names."""
    header = header_of(np.diag([1.0, 2, 3, 1]) / factor)
    header.set_xyzt_units(unit, 0)
    assert grid_of(header, "a").spacing == pytest.approx((3, 2, 1))


def test_sheared_affine():
    """A tilted gantry's volume is refused with the angle; rounding is not."""
    sheared = np.eye(4)
    sheared[1, 2] = np.tan(np.radians(10))
    with pytest.raises(UnusableFileError, match=r"a sheared affine, two voxel axes 10\.0 degrees off"):
        grid_of(header_of(sheared), "a")
    sheared[1, 2] = 1e-3
    assert grid_of(header_of(sheared), "a").shape == (6, 5, 4)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_flat_affine(value):
    """An axis of no length, or NaN, is refused."""
    header = header_of(np.eye(4))
    header["srow_x"] = value
    with pytest.raises(UnusableFileError, match=r"an axis of no length|NaN|sheared"):
        grid_of(header, "a")


def moved(**changes: float) -> np.ndarray:
    """An affine, with entries replaced: `moved(r0c3=5)`."""
    affine = np.diag([1.0, 2, 3, 1])
    for place, value in changes.items():
        affine[int(place[1]), int(place[3])] = value
    return affine


@pytest.mark.parametrize(
    ("affine", "shape", "said"),
    [
        (moved(), (4, 5, 7), "6x5x4 and 7x5x4 voxels"),
        (moved(r2c2=3.1), (4, 5, 6), "spacing 3x2x1 and 3.1x2x1 mm"),
        (moved(r0c3=0.6), (4, 5, 6), "corners up to 0.6 mm apart"),
        (nib.affines.from_matvec(nib.eulerangles.euler2mat(0.2) @ np.diag([1, 2, 3])), (4, 5, 6), "corners up to"),
    ],
)
def test_grids_that_differ(affine, shape, said):
    """Shape, spacing and place are told apart, with both values."""
    with pytest.raises(UnusableFileError, match=f"^label lies on another grid than image: {said}"):
        check_same_grid(
            grid_of(header_of(moved()), "image"), "image", grid_of(header_of(affine, shape), "label"), "label"
        )


def test_grids_that_are_the_same():
    """Rounding of a header, and another order of the axes, make no other grid."""
    image = grid_of(header_of(moved()), "image")
    check_same_grid(image, "image", grid_of(header_of(moved(r0c0=1.0001, r1c3=0.3)), "label"), "label")
    other = turned(np.zeros((4, 5, 6), np.uint8), moved(), "PIL")
    assert other.shape == (5, 6, 4)
    check_same_grid(image, "image", grid_of(other.header, "label"), "label")
