"""A prediction as a DICOM SEG object: in the series' own orientation, with codes of its classes and who made it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segkit import SegkitError, UnusableFileError
from segkit.data.origin import Origin
from segkit_dicom.classes import FILE, parse_code, read_class_file
from segkit_dicom.headers import read_file
from segkit_dicom.planes import has_place
from segkit_dicom.seg_out import Maker, Segment, write_seg
from segkit_dicom.series import stack_of
from segkit_dicom.stacks import Stack

logger = logging.getLogger("segkit")
ABOVE = 4
"""Folders above a series in which classes.toml is looked for."""
_told: set[str] = set()


def write_seg_of(path: Path, labels: np.ndarray, origin: Origin, *, labelmap: bool) -> Path:
    """Write labels (D, H, W) in RAS as a SEG object of the series that they belong to.

    Raises:
        UnusableFileError: the series has no place in a patient.
    """
    found, sources = sources_of(origin)
    segments = segments_for(origin)
    _tell_generic([segment.name for segment in segments if segment.code is None])
    return write_seg(path, sources, own_order(labels, found), segments, maker_of(origin), labelmap=labelmap)


def write_plane_seg(path: Path, labels: np.ndarray, origin: Origin, *, labelmap: bool = False) -> Path:
    """Write labels (H, W) as a SEG object of the photograph that they belong to."""
    segments = segments_for(origin)
    _tell_generic([segment.name for segment in segments if segment.code is None])
    return write_seg(
        path, [_without_pixels(origin.files[0])], labels[None], segments, maker_of(origin), labelmap=labelmap
    )


def write_fractions(stem: Path, values: np.ndarray, origin: Origin) -> list[Path]:
    """Write a fractional SEG object per class of probabilities (K', D, H, W) in RAS, or of a photograph (K', H, W).

    Never all classes are held.

    Returns:
        `stem`-CLASS.dcm of every class, by its number.

    Raises:
        UnusableFileError: the series has no place in a patient.
    """
    plane = values.ndim == 3
    found, sources = (None, [_without_pixels(origin.files[0])]) if plane else sources_of(origin)
    made = []
    first = len(values) - len(origin.classes)  # the background's is what the others leave
    for number, segment in enumerate(segments_for(origin), start=1):
        share = values[first + number - 1].astype(np.float32)
        own = share[None] if found is None else own_order(share, found)
        path = stem.with_name(f"{stem.name}-{number}.dcm")
        made.append(write_seg(path, sources, own, [segment], maker_of(origin)))
    return made


def _without_pixels(path: Path) -> Any:
    """Return what a file says, without its pixels."""
    dataset = read_file(path)
    dataset.pop("PixelData", None)
    return dataset


def sources_of(origin: Origin) -> tuple[Stack, list[Any]]:
    """Return the stack of the files that a prediction is of, and their headers in its order."""
    datasets = {file: read_file(file) for file in origin.files}
    if not has_place(datasets[origin.files[0]]):
        raise UnusableFileError(
            origin.files[0].name, "has no place in a patient: no SEG can refer to it", "leave out --format"
        )
    found = stack_of(datasets)
    sources = [datasets[file] for file in found.files]
    for dataset in sources:
        dataset.pop("PixelData", None)
    return found, sources


def own_order(values: np.ndarray, found: Stack) -> np.ndarray:
    """Return a volume (D, H, W) in RAS as planes (slices, rows, columns) in the order of the files or their frames."""
    voxels = found.slices_of(values)
    if len(found.files) == 1 and len(found.planes) > 1:
        return voxels[np.argsort([plane.frame for plane in found.planes])]
    return voxels


def segments_for(origin: Origin) -> list[Segment]:
    """Return how the classes are described."""
    codes = codes_of(origin)
    return [Segment(name, codes.get(name)) for name in origin.classes]


def maker_of(origin: Origin) -> Maker:
    """Return what made a prediction."""
    made = origin.maker
    return Maker() if made is None else Maker(f"segkit {made.name}", made.version, made.checkpoint)


def codes_of(origin: Origin) -> Mapping[str, tuple[str, str, str]]:
    """Return the codes of classes: those that the dataset was trained with, else those of a classes.toml."""
    given: Sequence[str] = (origin.maker.data.get("codes") or ()) if origin.maker is not None else ()
    if len(given) == len(origin.classes):
        return {name: parse_code(code, "data.codes") for name, code in zip(origin.classes, given, strict=True)}
    for folder in list(origin.files[0].absolute().parents)[:ABOVE]:
        if (folder / FILE).is_file():
            try:
                return read_class_file(folder / FILE).codes
            except SegkitError as error:
                _tell(f"{FILE} is not used for codes: {error.message}")
    return {}


def _tell_generic(names: Sequence[str]) -> None:
    if names:
        _tell(
            f"no code is known of {', '.join(names)}: its segments are coded as tissue; give codes in {FILE}, "
            'such as [codes] liver = "SCT:10200004:Liver"'
        )


def _tell(sentence: str) -> None:
    if sentence not in _told:
        _told.add(sentence)
        logger.warning("%s", sentence)
