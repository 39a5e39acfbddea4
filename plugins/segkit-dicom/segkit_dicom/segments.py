"""Masks of DICOM SEG objects, binary and label map, laid on an image's grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.pixels.utils import pixel_array

from segkit import UnusableFileError
from segkit_dicom.headers import AGAIN, text
from segkit_dicom.planes import Plane, planes_of
from segkit_dicom.stacks import Stack

ON_GRID = 0.05
"""Share of a voxel by which a mask's pixels may lie beside the image's: positions are written with few digits."""
TURN = "resample the mask onto the image's grid first"


@dataclass(frozen=True)
class Region:
    """What a mask object says of one of its segments or ROIs.

    Attributes:
        code: its coded type, "SCT:10200004", "" where there is none.
    """

    number: int
    label: str
    code: str = ""


def code_of(sequence: Any) -> str:
    """Return a code as "SCHEME:VALUE", "" where there is none."""
    if not sequence:
        return ""
    return f"{text(sequence[0], 'CodingSchemeDesignator')}:{text(sequence[0], 'CodeValue')}"


def segments_of(header: Any) -> list[Region]:
    """Return the segments of a SEG object; 0, which label maps describe as well, is what is none of them."""
    return [
        Region(
            int(item.SegmentNumber), text(item, "SegmentLabel"), code_of(item.get("SegmentedPropertyTypeCodeSequence"))
        )
        for item in header.get("SegmentSequence") or ()
        if int(item.SegmentNumber) > 0
    ]


def frames_in(dataset: Any, path: Path) -> tuple[str, np.ndarray]:
    """Return the kind of a SEG object, BINARY or LABELMAP, and its frames (n, rows, columns).

    Raises:
        UnusableFileError: it is fractional, or cannot be decoded.
    """
    kind = text(dataset, "SegmentationType")
    if kind not in ("BINARY", "LABELMAP"):
        raise UnusableFileError(
            path.name,
            f"is a {kind.lower() or 'nameless'} segmentation: shares of voxels are no labels",
            "give a binary one",
        )
    try:
        pixels = pixel_array(dataset, raw=True)
    except Exception as error:  # of four libraries, on files from anywhere
        raise UnusableFileError(path.name, "cannot be decoded: cut off or damaged", AGAIN) from error
    return kind, pixels if pixels.ndim == 3 else pixels[None]


def read_segments(dataset: Any, path: Path, image: Stack, labels: Mapping[int, int]) -> np.ndarray:
    """Lay a SEG object on an image's grid.

    Args:
        labels: the label of each segment number that is wanted.

    Returns:
        (X, Y, Z) uint8 labels in the order of the image's columns, rows and slices.

    Raises:
        UnusableFileError: it is fractional, of another grid, or its segments overlap.
    """
    kind, frames = frames_in(dataset, path)
    planes = planes_of(dataset, path)
    if len(planes) != len(frames):
        raise UnusableFileError(path.name, "describes another number of frames than it has", AGAIN)
    mask = np.zeros(image.grid.own, np.uint8)
    names = {region.number: region.label for region in segments_of(dataset)}
    for plane, frame, item in zip(planes, frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        if kind == "LABELMAP":
            table = np.zeros(int(frame.max()) + 1, np.uint8)
            for number, label in labels.items():
                table[number : number + 1] = label
            values = table[frame]
        else:
            number = segment_number(item, dataset, path)
            if number not in labels:
                continue
            values = np.where(frame > 0, np.uint8(labels[number]), np.uint8(0))
        _lay(mask, plane, values, image, path, names)
    return mask


def segment_number(item: Any, dataset: Any, path: Path) -> int:
    """Return the segment that a frame is of; raises UnusableFileError where it does not say."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [{}])[0]
    found = item.get("SegmentIdentificationSequence") or shared.get("SegmentIdentificationSequence")
    if not found:
        raise UnusableFileError(path.name, "has a frame of no segment", AGAIN)
    return int(found[0].ReferencedSegmentNumber)


def _lay(
    mask: np.ndarray, plane: Plane, values: np.ndarray, image: Stack, path: Path, names: Mapping[int, str]
) -> None:
    """Write the marked pixels of a frame where they lie in the image."""
    back = np.linalg.inv(image.lps)
    corner = back[:3, :3] @ plane.position + back[:3, 3]
    along = np.stack([back[:3, :3] @ (plane.row * plane.spacing[1]), back[:3, :3] @ (plane.column * plane.spacing[0])])
    whole = np.rint(along)
    size = max(plane.shape)
    flat = len(image.planes) == 1  # a single slice's thickness is what its header says, not a distance
    off = np.abs(corner - np.rint(corner))
    off[2] = 0.0 if flat and off[2] < 0.5 else off[2]
    if (np.abs(along - whole) * size > 2 * ON_GRID).any() or (np.abs(whole).sum(axis=1) != 1).any():
        raise UnusableFileError(path.name, "lies on another grid than its image: other axes or spacing", TURN)
    if off.max() > ON_GRID:
        raise UnusableFileError(
            path.name, f"lies on another grid than its image: {off.max():.2g} of a voxel beside it", TURN
        )
    rows, columns = np.nonzero(values)
    if not len(rows):
        return
    start, (by_column, by_row) = np.rint(corner).astype(int), whole.astype(int)
    index = start + columns[:, None] * by_column + rows[:, None] * by_row
    if (index < 0).any() or (index >= mask.shape).any():
        raise UnusableFileError(path.name, "marks voxels outside of its image", TURN)
    place = tuple(index.T)
    marked = values[rows, columns]
    before = mask[place]
    twice = (before > 0) & (before != marked)
    if twice.any():
        raise UnusableFileError(
            path.name,
            f"has segments that overlap in {np.count_nonzero(twice)} voxels of one slice",
            "choose classes that do not overlap, data.classes=NAME,NAME",
        )
    mask[place] = marked


def chosen(regions: Sequence[Region], classes: Sequence[str]) -> dict[int, int]:
    """Return the label of each segment that a class names, by its label or code, whatever the letters' case."""
    wanted = {name.casefold(): label for label, name in enumerate(classes, start=1)}
    found = {}
    for region in regions:
        label = wanted.get(region.label.casefold()) or wanted.get(region.code.casefold())
        if label is not None:
            found[region.number] = label
    return found
