"""Which series are cases: those with a mask, their geometry sound, their classes known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from segkit import UnusableFileError, UsageError
from segkit.data.naming import SPLITS
from segkit.errors import did_you_mean
from segkit_dicom.classes import FILE, ClassFile, default_names, read_class_file
from segkit_dicom.contours import rois_of
from segkit_dicom.headers import RTSTRUCT, text
from segkit_dicom.listing import NO_SERIES, Tree, nifti_beside, referred_series
from segkit_dicom.planes import has_place
from segkit_dicom.segments import Region, chosen, segments_of
from segkit_dicom.series import Listed, called, in_words, key_of, stack_of, with_broken
from segkit_dicom.series import of_series as of
from segkit_dicom.stacks import Stack
from segkit_nifti.volumes import labels_in, read_label

LOOKED_AT = 20
NO_MASK, NO_PLACE, REFUSED = (
    "a series without a mask",
    "an image without a place in a patient",
    "of a series that is refused",
)


@dataclass(frozen=True)
class Masked:
    """An image with a mask.

    Attributes:
        key: what its headers say of patient, study and series; never written anywhere.
        images: in the order of the slices.
        regions: segments by mask object.
        masks: of each mask object the label of its segments' numbers.
        beside: a file of another format that is the mask in their place.
    """

    key: str
    patient: str
    images: tuple[Path, ...]
    regions: Mapping[Path, Sequence[Region]]
    masks: Mapping[Path, Mapping[int, int]] = field(default_factory=dict)
    beside: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, images first."""
        return (*self.images, *self.regions, *([self.beside] if self.beside else []))

    def split_folder(self, root: Path) -> str:
        """The split that the folder right below the root is called after, "" where it is none."""
        first = self.images[0].relative_to(root).parts[0].lower()
        return next((split for split, names in SPLITS.items() if first in names), "")


@dataclass(frozen=True)
class Found(Masked):
    """What a case is read from: a series, with SEG, RTSTRUCT or NIfTI masks."""

    stack: Stack = field(kw_only=True)


AnyMasked = TypeVar("AnyMasked", bound=Masked)


@dataclass(frozen=True)
class Refused:
    """A series or file that cannot be used.

    Attributes:
        key: as of `Found`; "" of a file that belongs to no series.
    """

    error: UnusableFileError
    key: str = ""


@dataclass
class Cases:
    """The cases of a tree, and what is not used of it."""

    found: list[Found]
    classes: tuple[str, ...]
    codes: Mapping[str, tuple[str, str, str]]
    left_out: dict[Path, str]
    refused: list[Refused]
    describing: list[Path]
    without_mask: list[str]


def find_cases(tree: Tree, root: Path, wanted: Sequence[str]) -> Cases:
    """Find the cases of a tree.

    Args:
        wanted: classes in label order; none: those of classes.toml, else of all masks.

    Raises:
        SegkitError: classes.toml cannot be read, or a class is wanted that no mask has.
    """
    left_out = dict(tree.left_out)
    of_series, alone = with_broken(tree.series, list(tree.broken))
    refused = [Refused(tree.broken[path]) for path in alone]
    left_out |= dict.fromkeys(tree.broken, REFUSED)
    referring: dict[str, list[Listed]] = {}
    for mask in tree.masks:
        named = [uid for uid in dict.fromkeys(referred_series(mask.header)) if uid in tree.series]
        for uid in named:
            referring.setdefault(uid, []).append(mask)
        if not named:
            left_out[mask.path] = NO_SERIES
    found, without = [], []
    for uid, files in tree.series.items():
        try:
            for path in of_series.get(uid, ()):
                raise of(tree.broken[path], called(files[0].header))
            with in_words(files[0].path):
                one = _case(files, referring.get(uid, []), tree, root)
        except UnusableFileError as error:
            refused.append(Refused(error, key_of(files[0].header)))
            left_out |= dict.fromkeys((file.path for file in files), REFUSED)
            continue
        if one is None:
            reason = NO_MASK if has_place(files[0].header) else NO_PLACE
            left_out |= dict.fromkeys((file.path for file in files), reason)
            without += [key_of(files[0].header)] if reason == NO_MASK else []
        else:
            found.append(one)
    found.sort(key=lambda one: one.key)
    file, said = root / FILE, class_file_of(root)
    classes = _classes(found, wanted, said)
    labelled = with_labels(found, classes, refused, left_out)
    return Cases(labelled, classes, said.codes, left_out, refused, [file] if file.is_file() else [], without)


def class_file_of(root: Path) -> ClassFile:
    """Return what classes.toml under a root says, nothing where there is none; raises SegkitError."""
    file = root / FILE
    return read_class_file(file) if file.is_file() else ClassFile(())


def _case(files: Sequence[Listed], masks: Sequence[Listed], tree: Tree, root: Path) -> Found | None:
    header = files[0].header
    nifti = nifti_beside(files, tree.nifti, root)
    if not has_place(header) or not (masks or nifti):
        return None
    found = stack_of({file.path: file.header for file in files})
    if len(nifti) + bool(masks) > 1:
        others = f"{masks[0].path.name} and {nifti[0].name}" if masks else f"{nifti[0].name} and {nifti[1].name}"
        raise UnusableFileError(files[0].path.name, f"of {called(header)} has two masks, {others}", "keep one")
    frame = text(header, "FrameOfReferenceUID")
    for mask in masks:
        frames = frames_of(mask)
        if frame and frames and frame not in frames:
            raise UnusableFileError(
                mask.path.name,
                f"lies in another frame of reference than {called(header)}",
                "give the mask of this series",
            )
    regions = {mask.path: regions_of(mask) for mask in masks}
    for mask in masks:
        _check_references(mask, files, called(header))
    return Found(
        key_of(header),
        text(header, "PatientID"),
        found.files,
        regions,
        beside=nifti[0] if nifti else None,
        stack=found,
    )


def _check_references(mask: Listed, files: Sequence[Listed], series: str) -> None:
    """Raise UnusableFileError where a mask refers to slices that are not there: at an end they leave no gap."""
    there = {text(file.header, "SOPInstanceUID") for file in files}
    own = text(files[0].header, "SeriesInstanceUID")
    named = {
        text(item, "ReferencedSOPInstanceUID")
        for reference in mask.header.get("ReferencedSeriesSequence") or ()
        if text(reference, "SeriesInstanceUID") == own
        for item in reference.get("ReferencedInstanceSequence") or ()
    }
    missing = len(named - there)
    if missing:
        raise UnusableFileError(
            mask.path.name,
            f"refers to {missing} of {len(named)} files of {series} that are not there",
            "bring them back",
        )


def frames_of(mask: Listed) -> set[str]:
    """Return the frames of reference that a mask object says to lie in."""
    if text(mask.header, "SOPClassUID") != RTSTRUCT:
        return {text(mask.header, "FrameOfReferenceUID")} - {""}
    found = mask.header.get("ReferencedFrameOfReferenceSequence") or ()
    return {text(item, "FrameOfReferenceUID") for item in found} - {""}


def regions_of(mask: Listed) -> list[Region]:
    """Return the segments or ROIs of a mask object."""
    return rois_of(mask.header) if text(mask.header, "SOPClassUID") == RTSTRUCT else segments_of(mask.header)


def _classes(found: Sequence[Found], wanted: Sequence[str], said: ClassFile) -> tuple[str, ...]:
    regions = [region for one in found for part in one.regions.values() for region in part]
    names = tuple(wanted) or said.names
    if regions and not (names and any(one.beside for one in found)):
        return named_classes(regions, wanted, said)
    if names:
        return names
    masks = [one.beside for one in found if one.beside is not None][:LOOKED_AT]
    highest = max((max(labels_in(read_label(path)[0]), default=0) for path in masks), default=0)
    return tuple(f"label {value}" for value in range(1, max(highest, 1) + 1))


def named_classes(regions: Sequence[Region], wanted: Sequence[str], said: ClassFile) -> tuple[str, ...]:
    """Return the classes of segments, those that are named where some are.

    Raises:
        UsageError: a class is named that none of the segments is.
    """
    known = {region.label.casefold() for region in regions} | {region.code.casefold() for region in regions}
    labels = default_names([region.label for region in regions])
    for name in (names := tuple(wanted) or said.names):
        if name.casefold() not in known:
            raise UsageError(
                f"no mask has a segment {name!r}{did_you_mean(name, labels)}", f"they have {', '.join(labels[:20])}"
            )
    return names or labels


def with_labels(
    found: Sequence[AnyMasked], classes: Sequence[str], refused: list[Refused], left_out: dict[Path, str]
) -> list[AnyMasked]:
    """Return cases with the labels of their segments; those that cannot be labelled are told among the refused."""
    labelled = []
    for one in found:
        try:
            labelled.append(_labelled(one, classes))
        except UnusableFileError as error:
            refused.append(Refused(error, one.key))
            left_out |= dict.fromkeys(one.files, REFUSED)
    return labelled


def _labelled(one: AnyMasked, classes: Sequence[str]) -> AnyMasked:
    """Return a case with the labels of its segments; raises UnusableFileError where two masks hold one class."""
    masks: dict[Path, Mapping[int, int]] = {}
    holders: dict[int, Path] = {}
    for path, regions in one.regions.items():
        labels = chosen(regions, classes)
        for label in {*labels.values()}:
            if label in holders:
                raise UnusableFileError(
                    path.name, f"and {holders[label].name} both hold {classes[label - 1]!r} of one series", "keep one"
                )
            holders[label] = path
        masks[path] = labels
    if one.regions and not holders:
        raise UnusableFileError(
            next(iter(one.regions)).name, "holds none of the classes", "name its segments as classes"
        )
    return replace(one, masks=masks)
