"""Which folders hold images and masks, and which splits they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segkit import SegkitError
from segkit.data.image_files import SUFFIXES as PHOTOGRAPHS
from segkit_nifti.files import CONVERT_DICOM, stem_of

IMAGES = ("images", "image", "imgs", "img", "inputs", "scans")
MASKS = ("masks", "mask", "labels", "label", "segmentations", "annotations", "groundtruth", "ground_truth", "gt")
SPLITS = {
    "train": ("train", "training", "tr"),
    "val": ("val", "valid", "validation", "va"),
    "test": ("test", "testing", "ts"),
}
EXAMPLE = "it needs a folder images and a folder masks, or these two in train, val and test"


@dataclass(frozen=True)
class Source:
    """One pair of folders.

    Attributes:
        split: the split its cases belong to; None where the folders do not say.
        masks: folder of the masks, or of one folder per class.
    """

    split: str | None
    images: Path
    masks: Path


@dataclass(frozen=True)
class Listed:
    """The files of a folder by stem, hidden ones left out.

    Attributes:
        volumes: whether they are NIfTI, not photographs.
    """

    files: dict[str, str]
    twice: list[str]
    volumes: bool


def find_sources(root: Path) -> list[Source]:
    """Find the folders of images and masks: flat, split within a folder per split, or folders per split within them.

    Raises:
        SegkitError: the root holds nothing of the kind, or only one of the two.
    """
    within = [(split, folder) for split, folder in split_folders(root) if named(folder, IMAGES)]
    if within:
        return [Source(split, *pair(folder)) for split, folder in within]
    images, masks = pair(root)
    below = dict(split_folders(images))
    if not below:
        return [Source(None, images, masks)]
    beside = dict(split_folders(masks))
    missing = sorted(below.keys() ^ beside.keys())
    if missing:
        have, lack = (images, masks) if missing[0] in below else (masks, images)
        raise SegkitError(
            f"{have.name} has a folder for {missing[0]}, {lack.name} has none", "give both the same folders"
        )
    return [Source(split, below[split], beside[split]) for split in SPLITS if split in below]


def pair(root: Path) -> tuple[Path, Path]:
    """Return the folders of images and masks in `root`; raises SegkitError where one is missing."""
    images, masks = named(root, IMAGES), named(root, MASKS)
    if images is None or masks is None:
        missing = "images" if images is None else "masks"
        raise SegkitError(f"{root} holds no folder {missing}", way_out(root))
    return images, masks


def way_out(root: Path) -> str:
    """Say what to do with a folder that holds no images or masks."""
    for below in sorted(path for path in root.iterdir() if path.is_dir()):
        if named(below, IMAGES) and named(below, MASKS):
            return f"did you mean {below}?"
    if (root / "dataset.json").is_file():
        return "it holds dataset.json: read it with --data msd"
    return EXAMPLE


def named(root: Path, names: tuple[str, ...]) -> Path | None:
    """Return the folder in `root` with one of some names, capitals aside."""
    try:
        folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    except OSError as error:
        raise SegkitError(f"{root} cannot be listed: {error.strerror}", "check the path and its permissions") from None
    return next((folders[name] for name in names if name in folders), None)


def split_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the folders in `root` that are called like a split, train first."""
    for split, names in SPLITS.items():
        folder = named(root, names)
        if folder is not None:
            yield split, folder


def list_folder(folder: Path) -> Listed:
    """List the photographs or NIfTI files of a folder; other files are left alone.

    Raises:
        SegkitError: it holds both kinds, or DICOM.
    """
    files: dict[str, str] = {}
    twice: list[str] = []
    kinds: dict[bool, str] = {}
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if not entry.is_dir())
    except OSError as error:
        raise SegkitError(f"{folder} cannot be listed: {error.strerror}", "check its permissions") from None
    for name in names:
        stem = None if name.startswith(".") else photograph_stem(name) or stem_of(name)
        if name.lower().endswith((".dcm", ".ima")):
            raise SegkitError(f"{folder.name}/{name} is a DICOM file", CONVERT_DICOM)
        if stem is None:
            continue
        kinds.setdefault(stem_of(name) is not None, name)
        if stem in files:
            twice.append(name)
        else:
            files[stem] = name
    if len(kinds) > 1:
        raise SegkitError(
            f"{folder.name} holds photographs and volumes: {kinds[False]} and {kinds[True]}", "keep them in two folders"
        )
    return Listed(files, twice, True in kinds)


def photograph_stem(name: str) -> str | None:
    """Return a photograph's name without its suffix, None for another file."""
    suffix = next((suffix for suffix in PHOTOGRAPHS if name.lower().endswith(suffix)), None)
    return None if suffix is None else name[: -len(suffix)]
