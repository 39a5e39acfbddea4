"""Where a volume's voxels lie: its affine checked, its axes turned to RAS and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform
from nibabel.spatialimages import HeaderDataError

from segkit_nifti.problems import UnusableFileError

RAS = np.array([[0, 1], [1, 1], [2, 1]])
MM_PER_UNIT = {1: 1000.0, 3: 0.001}
"""Metres and micrometres by the code of xyzt_units; everything else counts as mm, as it is written in practice."""
SHEAR = 0.01
"""Largest cosine between two voxel axes that counts as a right angle (0.6 degrees)."""
SAME_PLACE = 0.5
"""Grids are the same where no corner is further apart than this share of the smallest voxel side."""
SAME_SPACING = 0.01
TURN = "resample both onto one grid, or write one of them anew with the other's affine if only the header is wrong"


@dataclass(frozen=True)
class Grid:
    """A file's grid, and how it is turned to (D, H, W): inferior to superior, posterior to anterior, left to right.

    Attributes:
        own: shape (X, Y, Z) of the file.
        affine: (4, 4) of the turned array's own index order, to RAS mm.
        turn: nibabel's orientation that makes RAS of the file's axes.
    """

    own: tuple[int, int, int]
    affine: np.ndarray
    turn: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """(D, H, W)."""
        turned = np.empty(3, np.int64)
        turned[self.turn[:, 0].astype(int)] = self.own
        return tuple(int(length) for length in turned[::-1])

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
        UnusableFileError: the affine is no number, flat, or sheared.
    """
    try:
        affine = np.asarray(header.get_best_affine(), np.float64)
    except (HeaderDataError, ValueError) as error:
        raise UnusableFileError(name, f"has no usable affine ({error})", "write it anew with a valid affine") from error
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or (lengths == 0).any():
        raise UnusableFileError(
            name, "has an affine with an axis of no length or with NaN", "write it anew with a valid affine"
        )
    directions = affine[:3, :3] / lengths
    cosine = float(np.abs(directions.T @ directions - np.eye(3)).max())
    if cosine > SHEAR:
        angle = 90 - np.degrees(np.arccos(min(cosine, 1.0)))
        raise UnusableFileError(
            name,
            f"has a sheared affine, two voxel axes {angle:.1f} degrees off a right angle: its spacing is no distance",
            "resample it to a rectangular grid (a tilted gantry: dcm2niix does it while it converts)",
        )
    affine = affine.copy()
    affine[:3] *= MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    x, y, z = (*header.get_data_shape(), 1, 1, 1)[:3]
    own = (int(x), int(y), int(z))
    turn = io_orientation(affine)
    ras = affine @ inv_ornt_aff(turn, own)
    return Grid(own, ras[:, [2, 1, 0, 3]], turn)


def difference(first: Grid, second: Grid) -> str | None:
    """Say how two turned grids differ, None where they are the same: shape, then spacing, then place."""
    if first.shape != second.shape:
        return f"{_times(first.shape)} and {_times(second.shape)} voxels"
    one, other = np.array(first.spacing), np.array(second.spacing)
    if (np.abs(one - other) > SAME_SPACING * np.minimum(one, other)).any():
        return f"spacing {_lengths(one)} and {_lengths(other)} mm"
    corners = np.array([[*corner, 1] for corner in np.ndindex(2, 2, 2)], np.float64)
    corners[:, :3] *= np.array(first.shape) - 1
    apart = float(np.linalg.norm((corners @ (first.affine - second.affine).T)[:, :3], axis=1).max())
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


def _lengths(spacing: np.ndarray) -> str:
    return "x".join(f"{length:.4g}" for length in spacing)
