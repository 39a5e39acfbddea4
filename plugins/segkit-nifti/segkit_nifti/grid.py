"""Where a volume's voxels lie: its affine checked, its axes turned to RAS and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform

from segkit import UnusableFileError
from segkit.data.remarks import Remark
from segkit_nifti.forms import MM_PER_UNIT, column_lengths, unit_of
from segkit_nifti.placement import AGREE, SAME_PLACE, corner_distance, lengths, place

RAS = np.array([[0, 1], [1, 1], [2, 1]])
SMALLEST, LARGEST = 1e-4, 200.0
"""Mm per voxel that is believed: from a tenth of a micrometre, below light's wavelength, to a hand's breadth."""
LONGEST = 10_000.0
"""Mm that a volume may extend along an axis: no scanner takes in ten metres."""
MICROSCOPIC = 0.005
"""Mm per voxel below which it is told: a microscope's, or metres that are called mm."""
UNITS = {1: "metres", 3: "micrometres"}
TURN = "resample both onto one grid, or write one of them anew with the other's affine if only the header is wrong"


@dataclass(frozen=True)
class Grid:
    """A file's grid, and how it is turned to (D, H, W): inferior to superior, posterior to anterior, left to right.

    Attributes:
        own: shape (X, Y, Z) of the file.
        affine: (4, 4) of the turned array's own index order, to RAS mm.
        turn: nibabel's orientation that makes RAS of the file's axes.
        remarks: what people must know of how the header was read.
    """

    own: tuple[int, int, int]
    affine: np.ndarray
    turn: np.ndarray
    remarks: tuple[Remark, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """(D, H, W)."""
        turned = np.empty(3, np.int64)
        turned[self.turn[:, 0].astype(int)] = self.own
        return tuple(int(length) for length in turned[::-1])

    @property
    def told(self) -> tuple[str, ...]:
        """The remarks' texts."""
        return tuple(remark.text for remark in self.remarks)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Mm per voxel along D, H and W."""
        return tuple(float(length) for length in np.linalg.norm(self.affine[:3, :3], axis=0))

    def to_volume(self, voxels: np.ndarray) -> np.ndarray:
        """Turn voxels (X, Y, Z) of the file to (D, H, W), contiguous."""
        return np.ascontiguousarray(apply_orientation(voxels, self.turn).transpose(2, 1, 0))

    def to_file(self, volume: np.ndarray) -> np.ndarray:
        """Turn a volume (D, H, W) back to the file's (X, Y, Z)."""
        back = ornt_transform(RAS, self.turn)
        turned: np.ndarray = apply_orientation(volume.transpose(2, 1, 0), back)
        return turned


def grid_of(header: Any, name: str) -> Grid:
    """Return the grid that a header describes.

    Raises:
        UnusableFileError: its forms and pixdim contradict each other, are no numbers, flat or sheared, or no scan has
            such voxels.
    """
    x, y, z = (*header.get_data_shape(), 1, 1, 1)[:3]
    own = (int(x), int(y), int(z))
    placement = place(header, own, name)
    affine = placement.affine
    check_lengths(column_lengths(affine), own, unit_of(header), name)
    turn = io_orientation(affine)
    ras = affine @ inv_ornt_aff(turn, own)
    return Grid(own, ras[:, [2, 1, 0, 3]], turn, (*placement.remarks, *size_remarks(affine, unit_of(header))))


def check_lengths(spacing: np.ndarray, shape: tuple[int, ...], unit: int, name: str) -> None:
    """Raise UnusableFileError where no scan has voxels of such a size, or such an extent."""
    thick = np.array(shape) > 1  # a single plane's thickness is often made up
    if ((spacing < SMALLEST) | (spacing > LARGEST))[thick].any() or (spacing * shape).max() > LONGEST:
        said = f" (it counts in {UNITS[unit]})" if unit in UNITS else ""
        raise UnusableFileError(
            name,
            f"has voxels of {lengths(spacing)}{said}: no scan has",
            "write it anew with its real spacing, and its unit in xyzt_units",
        )


def size_remarks(affine: np.ndarray, unit: int) -> tuple[Remark, ...]:
    """Say that a header counts in another unit, or that voxels are a microscope's."""
    spacing = column_lengths(affine)
    if unit in MM_PER_UNIT:
        return (Remark("unit", f"counts in {UNITS[unit]}: its voxels are {lengths(spacing)}"),)
    if spacing.min() < MICROSCOPIC:
        return (Remark("small", f"has voxels of {lengths(spacing)}: are these metres or a microscope's?"),)
    return ()


def difference(first: Grid, second: Grid) -> str | None:
    """Say how two turned grids differ, None where they are the same: shape, then spacing, then place."""
    if first.shape != second.shape:
        return f"{_times(first.shape)} and {_times(second.shape)} voxels"
    one, other = np.array(first.spacing), np.array(second.spacing)
    if (np.abs(one - other) > AGREE * np.minimum(one, other)).any():
        return f"spacing {lengths(one)[:-3]} and {lengths(other)}"
    apart = corner_distance(first.affine, second.affine, first.shape)
    if apart > SAME_PLACE * min(one.min(), other.min()):
        return f"corners up to {apart:.3g} mm apart"
    return None


def check_same_grid(image: Grid, image_name: str, label: Grid, label_name: str) -> None:
    """Raise UnusableFileError unless image and label lie on one grid, whatever the orders of their axes."""
    found = difference(image, label)
    if found is not None:
        raise UnusableFileError(label_name, f"lies on another grid than {image_name}: {found} (depth first)", TURN)


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
