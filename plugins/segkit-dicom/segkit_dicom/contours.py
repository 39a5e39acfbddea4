"""Masks of RTSTRUCT objects: contours filled on an image's grid, holes by even and odd."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segkit import UnusableFileError
from segkit_dicom.headers import AGAIN, text
from segkit_dicom.segments import Region
from segkit_dicom.stacks import Stack

BETWEEN = 0.25
"""Share of the distance between slices by which a contour may lie beside one."""
FLAT = 0.1
"""Share of that distance by which the points of one contour may differ."""


def rois_of(header: Any) -> list[Region]:
    """Return the ROIs of an RTSTRUCT object."""
    return [Region(int(item.ROINumber), text(item, "ROIName")) for item in header.get("StructureSetROISequence") or ()]


def read_contours(dataset: Any, path: Path, image: Stack, labels: Mapping[int, int]) -> np.ndarray:
    """Fill the contours of an RTSTRUCT object on an image's grid: a voxel is inside where its centre is.

    Args:
        labels: the label of each ROI number that is wanted.

    Returns:
        (X, Y, Z) uint8 labels in the order of the image's columns, rows and slices.

    Raises:
        UnusableFileError: a contour lies across slices or between them, or ROIs overlap.
    """
    mask = np.zeros(image.grid.own, np.uint8)
    names = {region.number: region.label for region in rois_of(dataset)}
    for item in dataset.get("ROIContourSequence") or ():
        number = int(item.get("ReferencedROINumber") or 0)
        label = labels.get(number)
        if label is None:
            continue
        inside = fill_region(item, path, image, names.get(number, ""))
        twice = np.count_nonzero((mask > 0) & (mask != label) & inside)
        if twice:
            raise UnusableFileError(
                path.name,
                f"has ROIs that overlap {names.get(number)!r} in {twice} voxels",
                "choose classes that do not overlap, data.classes=NAME,NAME",
            )
        mask[inside] = label
    return mask


def fill_region(item: Any, path: Path, image: Stack, name: str) -> np.ndarray:
    """Fill one ROI: (X, Y, Z) bool."""
    back = np.linalg.inv(image.lps)
    toggles: dict[int, np.ndarray] = {}
    columns, rows, slices = image.grid.own
    for contour in item.get("ContourSequence") or ():
        kind = text(contour, "ContourGeometricType")
        if kind == "POINT":
            continue
        points = np.array([float(value) for value in contour.get("ContourData") or ()], np.float64)
        if kind not in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR") or len(points) % 3 or len(points) < 9:
            raise UnusableFileError(
                path.name, f"has a contour of {name!r} that encloses nothing ({kind or 'of no kind'})", AGAIN
            )
        index = points.reshape(-1, 3) @ back[:3, :3].T + back[:3, 3]
        height = float(index[:, 2].mean())
        if np.ptp(index[:, 2]) > FLAT:
            raise UnusableFileError(
                path.name, f"has a contour of {name!r} across slices", "draw it on the image's slices"
            )
        if abs(height - round(height)) > BETWEEN or not -0.5 < height < slices - 0.5:
            raise UnusableFileError(
                path.name, f"has a contour of {name!r} on no slice of the image", "draw it on the image's slices"
            )
        plane = toggles.setdefault(round(height), np.zeros((rows, columns + 1), bool))
        toggle(plane, index[:, :2])
    mask = np.zeros(image.grid.own, bool)
    for number, plane in toggles.items():
        mask[:, :, number] = np.logical_xor.accumulate(plane, axis=1)[:, :-1].T
    return mask


def toggle(plane: np.ndarray, points: np.ndarray) -> None:
    """Mark in (rows, columns + 1) where each row enters or leaves a closed polygon.

    Args:
        points: (n, 2) column and row of its corners, in pixels whose centres are whole numbers.
    """
    rows, columns = plane.shape[0], plane.shape[1] - 1
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        (xa, ya), (xb, yb) = ((x0, y0), (x1, y1)) if y0 < y1 else ((x1, y1), (x0, y0))
        # Half open, so that a corner on a row's centre is crossed once.
        crossed = np.arange(max(0, int(np.ceil(ya))), min(rows - 1, int(np.ceil(yb)) - 1) + 1)
        at = xa + (crossed - ya) * (xb - xa) / (yb - ya)
        place = np.clip(np.ceil(at), 0, columns).astype(int)
        np.logical_xor.at(plane, (crossed, place), True)
