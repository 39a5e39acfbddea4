"""The planes of a series: each frame of each file, with where it lies and how its values are to be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from segkit import UnusableFileError

EXPORT = "export the series again"


@dataclass(frozen=True)
class Plane:
    """One frame.

    Attributes:
        frame: its number within its file, from 0.
        position: (3,) mm of the first pixel's centre, in DICOM's patient coordinates (LPS).
        row, column: unit vectors along a row (growing column index) and along a column.
        spacing: mm between rows and between columns.
        slope, intercept: of the rescaling.
    """

    path: Path
    frame: int
    shape: tuple[int, int]
    position: np.ndarray
    row: np.ndarray
    column: np.ndarray
    spacing: tuple[float, float]
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def normal(self) -> np.ndarray:
        """Unit vector across the plane."""
        across: np.ndarray = np.cross(self.row, self.column)
        return across


def planes_of(header: Any, path: Path) -> list[Plane]:
    """Return the planes of a file.

    Raises:
        UnusableFileError: it does not say where they lie, or how large their pixels are.
    """
    shape = (int(header.get("Rows") or 0), int(header.get("Columns") or 0))
    if min(shape) < 1:
        raise UnusableFileError(path.name, "holds no image", "leave it out")
    frames = header.get("PerFrameFunctionalGroupsSequence")
    if not frames:
        if int(header.get("NumberOfFrames") or 1) > 1:
            raise UnusableFileError(path.name, "has frames and does not say where each lies", EXPORT)
        return [_plane(header, header, header, header, path, 0, shape)]
    shared = (header.get("SharedFunctionalGroupsSequence") or [{}])[0]
    if len(frames) != int(header.get("NumberOfFrames") or 1):
        raise UnusableFileError(path.name, "describes another number of frames than it has", EXPORT)

    def group(frame: Any, name: str) -> Any:
        return (frame.get(name) or shared.get(name) or [{}])[0]

    return [
        _plane(
            group(frame, "PlanePositionSequence"),
            group(frame, "PlaneOrientationSequence"),
            group(frame, "PixelMeasuresSequence"),
            group(frame, "PixelValueTransformationSequence"),
            path,
            number,
            shape,
        )
        for number, frame in enumerate(frames)
    ]


def _plane(place: Any, turn: Any, measures: Any, values: Any, path: Path, frame: int, shape: tuple[int, int]) -> Plane:
    position = _numbers(place, "ImagePositionPatient", 3, path)
    axes = _numbers(turn, "ImageOrientationPatient", 6, path)
    spacing = _numbers(measures, "PixelSpacing", 2, path)
    row, column = axes[:3], axes[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > 0.01 or abs(row @ column) > 0.01:
        raise UnusableFileError(path.name, "has an orientation that is none (ImageOrientationPatient)", EXPORT)
    if not (spacing.min() > 0 and spacing.max() < 1000):
        raise UnusableFileError(path.name, "has pixels without a size (PixelSpacing)", EXPORT)
    return Plane(
        path,
        frame,
        shape,
        position,
        row / lengths[0],
        column / lengths[1],
        (float(spacing[0]), float(spacing[1])),
        _number(values, "RescaleSlope", 1.0, path),
        _number(values, "RescaleIntercept", 0.0, path),
    )


def _numbers(holder: Any, name: str, count: int, path: Path) -> np.ndarray:
    value = written(holder, name)
    if value is None or len(value) == 0:
        raise UnusableFileError(path.name, f"does not say where it lies: it has no {name}", EXPORT)
    try:
        found = np.array([float(number) for number in value], np.float64)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise UnusableFileError(path.name, f"has a {name} that is no {count} numbers", EXPORT)
    return found


def written(holder: Any, name: str) -> Any:
    """Return the numbers of an element, as text where it was not looked at before; None where there is none.

    pydicom makes an object of each: of 500 slices that is a third of what reading their headers takes.
    """
    raw: Any = holder.get_item(name) if isinstance(holder, Dataset) and name in holder else None
    if isinstance(raw, RawDataElement) and isinstance(raw.value, bytes) and raw.VR in ("DS", None):
        text_of = raw.value.decode("ascii", "replace").strip(" \0")
        return text_of.split("\\") if text_of else None
    return holder.get(name)


def _number(holder: Any, name: str, default: float, path: Path) -> float:
    said = written(holder, name)
    said = said[0] if isinstance(said, list) and len(said) == 1 else said
    try:
        value = default if said is None or said == "" else float(said)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise UnusableFileError(path.name, f"has a {name} that is no number", EXPORT)
    return value


def has_place(header: Any) -> bool:
    """Whether a file says where its pixels lie in the patient; photographs and ultrasound do not."""
    return bool(header.get("ImagePositionPatient")) or bool(header.get("PerFrameFunctionalGroupsSequence"))
