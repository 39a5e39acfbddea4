"""What a DICOM file is, read from its header alone."""

from __future__ import annotations

import functools
import logging
import math
import struct
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.config import IGNORE, settings
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import UID

from segkit import UnusableFileError
from segkit.files import open_regular

# pydicom warns of odd values and quotes them: a patient's name would be on the terminal.
settings.reading_validation_mode = IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
for library in ("pydicom", "highdicom"):
    warnings.filterwarnings("ignore", module=library)

ENDINGS = (".dcm", ".ima", ".dicom", ".dic")
SEG, LABELMAP, RTSTRUCT = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.7",
    "1.2.840.10008.5.1.4.1.1.481.3",
)
PIXELS, ITEM, UNDEFINED = 0x7FE00010, (0xFFFE, 0xE000), 0xFFFFFFFF
LATER = 4096
"""Bytes of an element that is not read with the rest."""
DIRECTORY = "1.2.840.10008.1.3.10"
MASKS = (SEG, LABELMAP, RTSTRUCT)
AGAIN = "copy or export it again"
DAMAGED = (
    *(EOFError, ValueError, NotImplementedError, OverflowError, MemoryError, RecursionError, struct.error),
    BytesLengthException,
)
"""What pydicom raises where a file is cut off or damaged, each seen on a right file with bytes changed: a length of
garbage is a MemoryError, sequences within sequences a RecursionError."""
MISTAKEN = (*DAMAGED, AttributeError, TypeError, LookupError)
"""What comes of values that are of another kind than their element's, such as text or a sequence in place of a number:
pydicom converts them where they are asked for, and gives what is there."""
LISTED = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "SeriesDescription"),
    *("Modality", "Rows", "Columns", "NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient"),
    *("ReferencedSeriesSequence", "ReferencedFrameOfReferenceSequence", "FrameOfReferenceUID", "SegmentSequence"),
    *("StructureSetROISequence", "SegmentationType", "PerFrameFunctionalGroupsSequence", "SamplesPerPixel"),
    *("PixelSpacing", "RescaleSlope", "RescaleIntercept", "SharedFunctionalGroupsSequence", "SpacingBetweenSlices"),
    *("SliceThickness", "BitsAllocated", "PhotometricInterpretation"),
)


def is_dicom(path: Path) -> bool:
    """Whether a file says of itself that it is DICOM, or is called so."""
    if path.name.lower().endswith(ENDINGS):
        return path.is_file()
    try:
        with open_regular(path) as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_header(path: Path, tags: Iterable[str] | None = None) -> FileDataset:
    """Read a header without its pixels.

    Args:
        tags: which elements; None: all.

    Raises:
        UnusableFileError: it is no DICOM file, damaged or cut off.
    """
    return _read(path, stop_before_pixels=True, specific_tags=None if tags is None else list(tags))


def read_file(path: Path) -> FileDataset:
    """Read a file whole; raises as `read_header` does."""
    return _read(path)


def read_without_pixels_yet(path: Path) -> FileDataset:
    """Read a file whose large elements are read when they are asked for: a series' would be held twice.

    Raises:
        UnusableFileError: as `read_header`.
    """
    found = _read(path, defer_size=LATER)
    syntax = syntax_of(found, path.name)
    if syntax is None or syntax.is_deflated:
        return _read(path)  # pydicom would look for them at places of the inflated text
    size = path.stat().st_size
    for element in found.values():  # as they are: asking for one reads it
        if not isinstance(element, RawDataElement) or element.value is not None or element.length == UNDEFINED:
            continue
        there = max(size - element.value_tell, 0)
        if there < element.length:
            what = "its pixels" if element.tag == PIXELS else "an element"
            raise UnusableFileError(path.name, f"is cut off: {there:,} of {element.length:,} bytes of {what}", AGAIN)
    return found


def _read(path: Path, **how: Any) -> FileDataset:
    try:
        with open_regular(path) as stream:
            found = pydicom.dcmread(stream, force=path.name.lower().endswith(ENDINGS), **how)
            if "stop_before_pixels" in how:
                _check_end(stream, found, path)
            known = "SOPClassUID" in found or "Rows" in found or found.file_meta.get("MediaStorageSOPClassUID")
    except InvalidDicomError:
        raise UnusableFileError(path.name, "is no DICOM file", AGAIN) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnusableFileError(path.name, f"cannot be read: {reason}", "check its permissions") from None
    except DAMAGED as error:
        # The library's own words may quote what the header holds.
        raise UnusableFileError(path.name, f"is damaged or cut off ({type(error).__name__})", AGAIN) from None
    if not known:
        raise UnusableFileError(path.name, "is no DICOM file, or one without a header", AGAIN)
    return found


def syntax_of(dataset: Any, name: str) -> UID | None:
    """Return how a file's elements are encoded; None where it does not say.

    Raises:
        UnusableFileError: what it says is no transfer syntax.
    """
    said = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if said is not None and not (isinstance(said, UID) and said.is_transfer_syntax):
        raise UnusableFileError(name, "is damaged: it says to be in a transfer syntax that is none", AGAIN)
    return said


def _check_end(stream: BinaryIO, found: FileDataset, path: Path) -> None:
    """Raise UnusableFileError where a file ends before its header or its pixels do, as far as lengths say it."""
    syntax = syntax_of(found, path.name)
    if syntax is None or syntax.is_deflated:
        return
    if syntax.is_encapsulated:
        _check_items(stream, found, path)
        return
    order = "<" if syntax.is_little_endian else ">"
    start = stream.tell()
    element = stream.read(12)
    size = path.stat().st_size
    if len(element) < 12:
        kind = str(getattr(found.get("SOPClassUID"), "name", ""))
        if element or start > size or "Rows" in found or "Image Storage" in kind:  # an image's pixels come last
            raise UnusableFileError(path.name, "is cut off in its header", AGAIN)
        return
    group, number = struct.unpack(f"{order}HH", element[:4])
    if group << 16 | number != PIXELS:
        return
    at, where = (4, 8) if syntax.is_implicit_VR else (8, 12)
    [length] = struct.unpack(f"{order}I", element[at:where])
    if length != UNDEFINED and start + where + length > size:
        there = size - start - where
        raise UnusableFileError(path.name, f"is cut off: {there:,} of {length:,} bytes of its pixels", AGAIN)
    needed = _bytes_of_pixels(found)
    if length != UNDEFINED and length < needed:
        raise UnusableFileError(path.name, f"is cut off: {length:,} of {needed:,} bytes of its pixels", AGAIN)


def _check_items(stream: BinaryIO, found: FileDataset, path: Path) -> None:
    """Raise UnusableFileError where a file ends within an item of its compressed pixels; from item to item, unread."""
    size = path.stat().st_size
    element = stream.read(12)
    if len(element) < 12 and (element or "Rows" in found):
        raise UnusableFileError(path.name, "is cut off in its header", AGAIN)
    if (
        len(element) < 12
        or struct.unpack("<HH", element[:4]) != (PIXELS >> 16, PIXELS & 0xFFFF)
        or element[8:] != b"\xff" * 4
    ):
        return  # told where they are decoded
    while len(item := stream.read(8)) == 8:
        group, number, length = struct.unpack("<HHI", item)
        if (group, number) != ITEM or length == UNDEFINED:
            return
        if stream.seek(length, 1) > size:
            raise UnusableFileError(path.name, "is cut off in its pixels", AGAIN)
    if item:
        raise UnusableFileError(path.name, "is cut off in its pixels", AGAIN)


def _bytes_of_pixels(header: Any) -> int:
    """Return how long pixels of one value each have to be, 0 of colours, which may share values, and where unknown."""
    try:
        if int(header.get("SamplesPerPixel") or 1) != 1:
            return 0
        sides = (int(header.get(name) or 0) for name in ("Rows", "Columns", "BitsAllocated"))
        return math.prod(sides) * int(header.get("NumberOfFrames") or 1) // 8
    except MISTAKEN:
        return 0  # told where the values are used


def series_uid(path: Path) -> str:
    """Return the series of a file that cannot be read to its end, "" where it ends before saying it."""
    try:
        with open_regular(path) as stream:
            found = pydicom.dcmread(stream, force=True, specific_tags=["SeriesInstanceUID"], stop_before_pixels=True)
        return text(found, "SeriesInstanceUID")
    except (InvalidDicomError, OSError, *DAMAGED):
        pass  # read once more, only as far as the series' tag stands
    try:
        with open_regular(path) as stream:
            found = pydicom.filereader.read_partial(stream, lambda tag, vr, length: tag > 0x0020000E, force=True)
        return text(found, "SeriesInstanceUID")
    except (InvalidDicomError, OSError, *DAMAGED):
        return ""


@functools.lru_cache(maxsize=65536)
def _kind(path: Path, size: int, changed: int) -> str:
    header = read_header(path, ["SOPClassUID", "Rows"])
    told = str(header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID") or "")
    return told if "Rows" in header or told in MASKS else "none"


def kind_of(path: Path) -> str:
    """Return the SOP class UID of a file that holds pixels or is a mask, else "none"; raises UnusableFileError."""
    found = path.stat()
    return _kind(path, found.st_size, found.st_mtime_ns)


def holds_image(path: Path) -> bool:
    """Whether a file is an image: neither a mask nor a report, and not a file that is no DICOM.

    A DICOM file that cannot be read counts as one: it is refused in words where it is opened.
    """
    if not path.is_file() or not is_dicom(path):
        return False
    try:
        return kind_of(path) not in (*MASKS, DIRECTORY, "none")
    except (UnusableFileError, OSError):
        return True


def text(header: Any, name: str) -> str:
    """Return an element as text, "" where there is none."""
    value = header.get(name)
    return "" if value is None else str(value).strip()
