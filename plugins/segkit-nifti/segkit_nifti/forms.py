"""What a header says of where its voxels lie: pixdim, sform and qform, each with what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.affines import from_matvec
from nibabel.quaternions import quat2mat

SHEAR = 0.01
"""Largest cosine between two voxel axes that counts as a right angle (0.6 degrees)."""
LONGEST_QUATERNION = 1.01
"""Squared length of (b, c, d) that rounding explains; what is longer is no rotation."""
SHORTEST_W = 1e-7
"""Squared first part of a quaternion below which nifticlib, and ITK with it, scales the rest to length 1."""
FURTHEST = 1e7
"""Mm from the origin: 10 km are no place in a scanner, and float32 no longer tells neighbouring voxels there apart."""
MM_PER_UNIT = {1: 1000.0, 3: 0.001}
"""Metres and micrometres by the code of xyzt_units; everything else counts as mm, as ITK takes it."""


@dataclass(frozen=True)
class Form:
    """One of a header's two affines.

    Attributes:
        name: "sform" or "qform".
        affine: (4, 4) of the file's index order, to mm.
        fault: why it cannot be used, to be read after "its sform"; empty where it can.
        shear: degrees between two voxel axes that should be 90 apart and are not; 0 where they are.
    """

    name: str
    code: int
    affine: np.ndarray
    fault: str = ""
    shear: float = 0.0

    @property
    def spacing(self) -> np.ndarray:
        """Length of each column (3,) in mm."""
        return column_lengths(self.affine)


def unit_of(header: Any) -> int:
    """Return the code of the unit of lengths in xyzt_units; times share the field."""
    return int(header["xyzt_units"]) & 7


def pixdim_of(header: Any, dimensions: int) -> np.ndarray:
    """Return pixdim (3,) in mm, NaN where it says nothing: no length, or that of an axis that is not there.

    A minus is dropped, as nibabel does.
    """
    pixdim = np.abs(np.asarray(header["pixdim"][1:4], np.float64)) * MM_PER_UNIT.get(unit_of(header), 1.0)
    stated = np.isfinite(pixdim) & (pixdim > 0) & (np.arange(3) < dimensions)
    return np.where(stated, pixdim, np.nan)


def sform_of(header: Any) -> Form | None:
    """Return the sform, None where its code says that there is none."""
    code = int(header["sform_code"])
    if code == 0:
        return None
    rows = [np.asarray(header[f"srow_{axis}"], np.float64) for axis in "xyz"]
    affine = np.vstack([*rows, [0.0, 0.0, 0.0, 1.0]])
    affine[:3] *= MM_PER_UNIT.get(unit_of(header), 1.0)
    return checked("sform", code, affine)


def qform_of(header: Any, pixdim: np.ndarray, shape: tuple[int, int, int]) -> Form | None:
    """Return the qform, None where its code says that there is none; its spacing is pixdim by definition."""
    code = int(header["qform_code"])
    if code == 0:
        return None
    # The thickness of a single plane is often 0; both libraries then take 1.
    pixdim = np.where(np.isnan(pixdim) & (np.array(shape) == 1), 1.0, pixdim)
    offset = np.array([header[f"qoffset_{axis}"] for axis in "xyz"], np.float64)
    offset *= MM_PER_UNIT.get(unit_of(header), 1.0)
    vector = np.array([header[f"quatern_{part}"] for part in "bcd"], np.float64)
    if np.isnan(pixdim).any():
        return Form("qform", code, np.eye(4), "has no spacing: pixdim gives none along an axis")
    if not np.isfinite(vector).all() or vector @ vector > LONGEST_QUATERNION:
        return Form("qform", code, np.eye(4), "is no rotation")
    qfac = float(header["pixdim"][0])
    if np.isfinite(qfac) and qfac not in (-1.0, 0.0, 1.0):
        # nibabel makes 1 of every other number, nifticlib keeps the sign.
        return Form("qform", code, np.eye(4), f"is turned by a qfac of {qfac:g}")
    rest = 1.0 - vector @ vector
    rotation = quat2mat([np.sqrt(rest) if rest > SHORTEST_W else 0.0, *vector])
    lengths = pixdim * [1.0, 1.0, -1.0 if qfac < 0 else 1.0]
    return checked("qform", code, from_matvec(rotation * lengths, offset))


def checked(name: str, code: int, affine: np.ndarray) -> Form:
    """Return a form with its fault."""
    lengths = column_lengths(affine)
    if code < 0:
        return Form(name, code, affine, f"has the code {code}, which means nothing")
    if not np.isfinite(affine).all():
        return Form(name, code, affine, "holds NaN or infinities")
    if (lengths == 0).any():
        return Form(name, code, affine, "has an axis of no length")
    if np.abs(affine[:3, 3]).max() > FURTHEST:
        return Form(name, code, affine, f"begins {np.abs(affine[:3, 3]).max():.3g} mm away")
    directions = affine[:3, :3] / lengths
    cosine = float(np.abs(directions.T @ directions - np.eye(3)).max())
    if cosine > SHEAR:
        shear = 90 - float(np.degrees(np.arccos(min(cosine, 1.0))))
        return Form(name, code, affine, f"is sheared by {shear:.1f} degrees", shear)
    return Form(name, code, affine)


def column_lengths(affine: np.ndarray) -> np.ndarray:
    """Return the length (3,) of each column of an affine."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths: np.ndarray = np.linalg.norm(affine[:3, :3], axis=0)
    return lengths
