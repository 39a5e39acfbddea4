"""Photographs as cases: images that lie nowhere in a patient, with SEG objects that refer to them or masks beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from segkit import SegkitError, UnusableFileError, UsageError
from segkit.data.masks import read_mask
from segkit.data.naming import MASK_ENDING, MASKS
from segkit_dicom.cases import REFUSED, Masked, Refused, named_classes, with_labels
from segkit_dicom.classes import ClassFile
from segkit_dicom.colours import check_meaning, is_coloured
from segkit_dicom.headers import ENDINGS, LABELMAP, SEG, text
from segkit_dicom.listing import Tree
from segkit_dicom.planes import has_place
from segkit_dicom.segments import segments_of
from segkit_dicom.series import Listed, called, in_words, key_of, of_series
from segkit_folder.classes import Classes
from segkit_folder.found import found_classes, look

LOOKED_AT = 64
NO_MASK = "a photograph without a mask"
KEEP = "keep one"


@dataclass(frozen=True)
class Photograph(Masked):
    """What a case of one plane is read from, with SEG objects or an image file as its mask.

    Attributes:
        coloured: whether it has three channels.
    """

    coloured: bool = field(kw_only=True)


@dataclass
class Photographs:
    """The photographs of a tree that have masks.

    Attributes:
        pictures: how image files are read as masks; None of SEG objects.
        used: files that belong to a case.
        without_mask: keys.
    """

    found: list[Photograph]
    classes: tuple[str, ...]
    pictures: Classes | None
    left_out: dict[Path, str]
    refused: list[Refused]
    without_mask: list[str]


def find_photographs(tree: Tree, wanted: Sequence[str], said: ClassFile) -> Photographs:
    """Find the photographs of a tree, and what their classes are.

    Args:
        wanted: classes in label order; none: those of classes.toml, else those of the masks.

    Raises:
        SegkitError: a class is wanted that no mask has, or the masks can be read in two ways.
    """
    every = [file for files in tree.series.values() for file in files]
    placed = {text(file.header, "SeriesInstanceUID") for file in every if has_place(file.header)}
    # A slice that does not say where it lies is no photograph: its series is refused for it.
    alone = [
        file for file in every if not has_place(file.header) and text(file.header, "SeriesInstanceUID") not in placed
    ]
    referring = by_object(tree.masks)
    found: list[Photograph] = []
    refused: list[Refused] = []
    left_out: dict[Path, str] = {}
    without: list[str] = []
    for file in alone:
        try:
            with in_words(file.path):
                one = photograph_of(file, referring.get(text(file.header, "SOPInstanceUID"), []), tree.pictures)
        except UnusableFileError as error:
            refused.append(Refused(error, photograph_key(file.header)))
            left_out[file.path] = REFUSED
            continue
        if one is None:
            left_out[file.path] = NO_MASK
            without.append(photograph_key(file.header))
        else:
            found.append(one)
    found.sort(key=lambda one: one.key)
    if not found:
        return Photographs([], (), None, left_out, refused, without)
    classes, pictures = classes_of(found, wanted, said)
    labelled = with_labels(found, classes, refused, left_out)
    return Photographs(labelled, classes, pictures, left_out, refused, without)


def photograph_key(header: object) -> str:
    """Return what tells a photograph from all others, as predictions of files outside of a dataset have it."""
    return key_of(header) + text(header, "SOPInstanceUID")


def by_object(masks: Sequence[Listed]) -> dict[str, list[Listed]]:
    """Return SEG objects by the UID of each object that they refer to."""
    found: dict[str, list[Listed]] = {}
    for mask in masks:
        if text(mask.header, "SOPClassUID") not in (SEG, LABELMAP):
            continue
        for uid in referred_objects(mask):
            found.setdefault(uid, []).append(mask)
    return found


def referred_objects(mask: Listed) -> set[str]:
    """Return the UIDs of the objects that a SEG object refers to."""
    return {
        text(item, "ReferencedSOPInstanceUID")
        for reference in mask.header.get("ReferencedSeriesSequence") or ()
        for item in reference.get("ReferencedInstanceSequence") or ()
    }


def photograph_of(file: Listed, masks: Sequence[Listed], pictures: Sequence[Path]) -> Photograph | None:
    """Return a photograph with its masks; None without any.

    Raises:
        UnusableFileError: it has several frames, colours that are not read or two kinds of masks, or a mask is of
            several photographs.
    """
    header, series = file.header, called(file.header)
    beside = pictures_of(file.path, pictures)
    if not masks and not beside:
        return None
    frames = int(header.get("NumberOfFrames") or 1)
    if frames > 1:
        raise UnusableFileError(
            file.path.name, f"of {series} has {frames} frames and does not say where each lies", "give one frame"
        )
    try:
        check_meaning(header, file.path.name)
    except UnusableFileError as error:
        raise of_series(error, series) from error
    if len(beside) + bool(masks) > 1:
        names = [*(mask.path.name for mask in masks[:1]), *(path.name for path in beside)]
        raise UnusableFileError(file.path.name, f"of {series} has two masks, {names[0]} and {names[1]}", KEEP)
    for mask in masks:
        if len(referred_objects(mask)) > 1:
            raise UnusableFileError(
                mask.path.name,
                f"refers to several photographs, {file.path.name} of {series} among them",
                "give one each",
            )
    return Photograph(
        photograph_key(header),
        text(header, "PatientID"),
        (file.path,),
        {mask.path: segments_of(mask.header) for mask in masks},
        beside=beside[0] if beside else None,
        coloured=is_coloured(header),
    )


def pictures_of(image: Path, pictures: Sequence[Path]) -> list[Path]:
    """Return the image files that are called like a DICOM file, beside it or in a folder of masks."""
    stem = image.stem if image.name.lower().endswith(ENDINGS) else image.name
    found = []
    for path in pictures:
        ending = MASK_ENDING.search(path.stem)
        named = path.stem[: ending.start()] if ending else path.stem
        if named == stem and (path.parent == image.parent or path.parent.name.lower() in MASKS):
            found.append(path)
    return found


def classes_of(
    found: Sequence[Photograph], wanted: Sequence[str], said: ClassFile
) -> tuple[tuple[str, ...], Classes | None]:
    """Return the classes in label order, and how image files are read as masks; raises SegkitError."""
    regions = [region for one in found for part in one.regions.values() for region in part]
    drawn = [one.beside for one in found if one.beside is not None]
    if regions and drawn:
        raise SegkitError(
            f"{len(found) - len(drawn)} photographs have SEG objects and {len(drawn)} image files as masks, such as "
            f"{drawn[0].name}: what the values of these stand for, the segments do not say",
            "keep one kind of masks under a root",
        )
    if regions:
        return named_classes(regions, wanted, said), None
    shown = islice(drawn, 0, None, -(-len(drawn) // LOOKED_AT) or 1)
    pictures = found_classes([look(path.name, read_mask(path, path.name)) for path in shown])
    names = tuple(wanted) or said.names
    if names and len(names) != len(pictures.values):
        values = ", ".join(pictures.described_values())
        raise UsageError(f"{len(names)} classes are named, and the masks hold {values}", "name each of their values")
    if names:
        pictures = replace(pictures, values=dict(zip(names, pictures.values.values(), strict=True)))
    return pictures.names, pictures
