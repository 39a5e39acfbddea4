"""A tree of mixed files understood: series of images, and the masks that refer to them or lie beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segkit import UnusableFileError
from segkit.data.inventory import files_below, is_litter
from segkit.data.naming import MASK_ENDING, MASKS
from segkit_dicom.headers import DIRECTORY, LISTED, RTSTRUCT, is_dicom, kind_of, text
from segkit_dicom.headers import MASKS as MASK_CLASSES
from segkit_dicom.series import Listed, by_series, listed
from segkit_nifti.files import stem_of

DOCUMENT, INDEX, NO_SERIES = "a DICOM object without an image", "a DICOMDIR", "a mask of no series that is here"

PICTURES = (".png", ".bmp", ".gif", ".tif", ".tiff", ".jpg", ".jpeg")


@dataclass
class Tree:
    """What lies below a root.

    Attributes:
        series: image files by series.
        masks: SEG and RTSTRUCT objects.
        nifti: NIfTI files.
        pictures: image files, which may be masks of photographs.
        left_out: files that are neither, with the reason.
        broken: DICOM files that cannot be read.
    """

    series: dict[str, list[Listed]] = field(default_factory=dict)
    masks: list[Listed] = field(default_factory=list)
    nifti: list[Path] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)
    left_out: dict[Path, str] = field(default_factory=dict)
    broken: dict[Path, UnusableFileError] = field(default_factory=dict)


def look_through(root: Path) -> Tree:
    """Read the header of every file below a root."""
    tree = Tree()
    dicom = []
    for path in files_below(root):
        if any(map(is_litter, path.relative_to(root).parts)):
            continue
        if stem_of(path.name) is not None:
            tree.nifti.append(path)
        elif is_dicom(path):
            dicom.append(path)
        elif path.name.lower().endswith(PICTURES):
            tree.pictures.append(path)
    images = []
    for path, found in zip(dicom, listed(dicom, LISTED), strict=True):
        if isinstance(found, UnusableFileError):
            tree.broken[path] = found
        elif (kind := kind_of(path)) in MASK_CLASSES:
            tree.masks.append(found)
        elif kind in ("none", DIRECTORY) or not found.header.get("Rows"):
            tree.left_out[path] = INDEX if kind == DIRECTORY or path.name == "DICOMDIR" else DOCUMENT
        else:
            images.append(found)
    tree.series = by_series(images)
    return tree


def referred_series(header: Any) -> Iterator[str]:
    """Yield the UIDs of the series that a mask object refers to."""
    for item in header.get("ReferencedSeriesSequence") or ():
        yield text(item, "SeriesInstanceUID")
    if text(header, "SOPClassUID") != RTSTRUCT:
        return
    for frame in header.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for series in study.get("RTReferencedSeriesSequence") or ():
                yield text(series, "SeriesInstanceUID")


def nifti_beside(files: Sequence[Listed], nifti: Sequence[Path], root: Path) -> list[Path]:
    """Return the NIfTI masks of a series that lies in a folder of its own.

    In the folder itself; or called like the folder, beside it or in a folder of masks under the root.
    """
    folders = {file.path.parent for file in files}
    if len(folders) != 1:
        return []
    folder = folders.pop()
    inside = [path for path in nifti if path.parent == folder]
    if inside:
        return inside
    found = []
    for path in nifti:
        stem = stem_of(path.name) or ""
        ending = MASK_ENDING.search(stem)
        named = (stem[: ending.start()] if ending else stem) == folder.name
        if named and (path.parent == folder.parent or path.parent.name.lower() in MASKS):
            found.append(path)
    return found
