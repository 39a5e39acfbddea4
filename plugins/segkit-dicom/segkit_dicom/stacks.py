"""Planes stacked to one volume by where they lie, or in words why they are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nibabel.orientations import inv_ornt_aff, io_orientation

from segkit import UnusableFileError
from segkit_dicom.planes import Plane
from segkit_nifti.grid import Grid

TURNED = 1e-3
"""How far unit vectors of one series may differ: written in text with few digits."""
EVEN = 0.02
"""Share of the distance between slices by which distances may differ: rounding, not a missing slice."""
TILT = 1e-2
"""Share of that distance by which each slice may lie aside of the one before: a tilt of half a degree."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Stack:
    """A volume's planes from the first to the last along their normal, and its grid.

    Attributes:
        lps: (4, 4) from column, row and slice number to mm in DICOM's patient coordinates.
        grid: of voxels (columns, rows, slices), turned to RAS.
    """

    planes: tuple[Plane, ...]
    lps: np.ndarray
    grid: Grid

    def new_volume(self, dtype: np.dtype) -> np.ndarray:
        """Return an empty volume (D, H, W) in RAS."""
        sides = dict(zip(self.grid.turn[:, 0].astype(int), self.grid.own, strict=True))
        return np.empty([sides[axis] for axis in (2, 1, 0)], dtype)

    def slices_of(self, volume: np.ndarray) -> np.ndarray:
        """Return a volume (D, H, W) in RAS as its slices (planes, rows, columns), without a copy."""
        return self.grid.to_file(volume).transpose(2, 1, 0)

    @property
    def files(self) -> tuple[Path, ...]:
        """Each file once, in the order of the planes."""
        return tuple(dict.fromkeys(plane.path for plane in self.planes))


def stack(planes: Sequence[Plane], series: str, thickness: float | None = None) -> Stack:
    """Stack planes.

    Args:
        series: what messages call the series.
        thickness: mm of a single plane, of which nothing else says how thick it is.

    Raises:
        UnusableFileError: they are no one volume: of several orientations or sizes, tilted, doubled, or with gaps.
    """
    _check_alike(planes, series)
    first = planes[0]
    places = np.array([plane.position for plane in planes]) @ first.normal
    order = np.argsort(places, kind="stable")
    sorted_planes = [planes[number] for number in order]
    step = _step(sorted_planes, places[order], series, thickness)
    start = sorted_planes[0]
    lps = np.eye(4)
    lps[:3, 0] = start.row * start.spacing[1]
    lps[:3, 1] = start.column * start.spacing[0]
    lps[:3, 2] = step
    lps[:3, 3] = start.position
    own = (start.shape[1], start.shape[0], len(planes))
    return Stack(tuple(sorted_planes), lps, grid_from(lps, own))


def grid_from(lps: np.ndarray, own: tuple[int, int, int]) -> Grid:
    """Return the grid of voxels (columns, rows, slices) of an affine to DICOM's patient coordinates."""
    affine = LPS_TO_RAS @ lps
    turn = io_orientation(affine)
    ras = affine @ inv_ornt_aff(turn, own)
    return Grid(own, ras[:, [2, 1, 0, 3]], turn)


def _check_alike(planes: Sequence[Plane], series: str) -> None:
    first = planes[0]
    turned = [plane for plane in planes if not _same_turn(first, plane)]
    if turned:
        fewer = turned if len(turned) <= len(planes) / 2 else [plane for plane in planes if plane not in turned]
        raise UnusableFileError(
            fewer[0].path.name,
            f"of {series} lies in another orientation ({len(fewer)} of {len(planes)} slices do): a localizer?",
            "take it out of the series",
        )
    for what, values in (
        ("size", [f"{plane.shape[1]}x{plane.shape[0]} pixels" for plane in planes]),
        ("spacing", [f"{plane.spacing[0]:.5g}x{plane.spacing[1]:.5g} mm" for plane in planes]),
    ):
        times = Counter(values)
        if len(times) > 1:
            usual, odd = times.most_common()[0][0], times.most_common()[-1][0]
            name = planes[values.index(odd)].path.name
            raise UnusableFileError(
                name, f"of {series} has another {what} than the others: {odd} and {usual}", "take it out of the series"
            )


def _same_turn(one: Plane, other: Plane) -> bool:
    apart = max(np.abs(one.row - other.row).max(), np.abs(one.column - other.column).max())
    return bool(apart <= TURNED)


def _step(planes: Sequence[Plane], places: np.ndarray, series: str, thickness: float | None) -> np.ndarray:
    """Return the vector from one slice to the next."""
    first, last = planes[0], planes[-1]
    if len(planes) == 1:
        return first.normal * (thickness or 1.0)
    gaps = np.diff(places)
    usual = float(np.median(gaps))
    allowed = max(EVEN * usual, 0.01)
    same = np.flatnonzero(gaps <= min(allowed, 0.5 * max(usual, 1e-3)))
    if usual < 1e-3 or same.size:
        _raise_doubled(planes, int(same[0]) if same.size else 0, len(places), series)
    odd = int(np.argmax(np.abs(gaps - usual)))
    if abs(gaps[odd] - usual) > allowed:
        whole = gaps[odd] / usual
        missing = round(whole) - 1
        is_gap = missing >= 1 and abs(whole - round(whole)) < 0.1
        told = f"lacks {missing} slice{'s' * (missing > 1)}" if is_gap else "has unevenly spaced slices"
        raise UnusableFileError(
            planes[odd + 1].path.name,
            f"of {series} lies {gaps[odd]:.4g} mm behind {planes[odd].path.name}, others {usual:.4g} mm: it {told}",
            "export the series whole, or resample it first",
        )
    step: np.ndarray = (last.position - first.position) / (len(planes) - 1)
    aside = step - (step @ first.normal) * first.normal
    if np.linalg.norm(aside) > TILT * usual:
        degrees = np.degrees(np.arctan2(np.linalg.norm(aside), usual))
        raise UnusableFileError(
            first.path.name,
            f"of {series} was taken with a tilted gantry ({degrees:.1f} degrees): its slices are no upright stack",
            "resample it to an upright grid first, such as with dcm2niix",
        )
    return step


def _raise_doubled(planes: Sequence[Plane], at: int, count: int, series: str) -> None:
    distinct = len({tuple(np.round(plane.position, 2)) for plane in planes})
    one, other = planes[at].path.name, planes[min(at + 1, count - 1)].path.name
    if distinct * 2 <= count:
        raise UnusableFileError(
            one,
            f"of {series} lies where {other} does, and so every slice: {count // distinct} acquisitions in one series",
            "keep the files of one acquisition",
        )
    where = "is there twice" if one != other else "has a frame twice"
    raise UnusableFileError(
        other, f"of {series} lies where {one} does: the slice {where}", "keep one file for each slice"
    )
