"""Pair photographs with masks by their names, and find what a listing can show to be wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from segkit import Case, Problem, SegkitError
from segkit.files import is_file, is_folder
from segkit_isic.layout import Folders, list_folders

SUFFIXES = (".jpg", ".jpeg", ".png")
MASK_ENDING = "_segmentation"
SUPERPIXELS_ENDING = "_superpixels"


@dataclass(frozen=True)
class Fault:
    """One kind of thing wrong with the files, as it is told of one file and of many."""

    one: str
    many: str
    hint: str


NO_FOLDER = Fault(
    "folder of a split is missing", "folders of splits are missing", "unpack both archives of the split, or neither"
)
NESTED = Fault(
    "folder holds a folder of its own name",
    "folders hold a folder of their own name",
    "move the files one level up, to where the official archive has them",
)
EMPTY = Fault("folder holds no image", "folders hold no image", "unpack the official archive again")
BROKEN_LINK = Fault(
    "link leads to no file", "links lead to no file", "bring the files back, or remove the links and their partners"
)
TWICE = Fault(
    "file has the id of another one in its folder",
    "files have the id of another one in their folder",
    "keep one file for each id",
)
NO_MASK = Fault(
    "image has no mask", "images have no mask", "a mask is called ID_segmentation.png, in the ground-truth folder"
)
NO_IMAGE = Fault("mask has no image", "masks have no image", "bring the images back, or remove their masks")
LEAK = Fault(
    "image is in two splits",
    "images are in two splits",
    "keep each in one: a model must not be scored on what it was trained on",
)
FAULTS = (NO_FOLDER, NESTED, EMPTY, BROKEN_LINK, TWICE, NO_MASK, NO_IMAGE, LEAK)

Faults = dict[Fault, list[str]]


def list_cases(root: Path, splits: Mapping[str, Folders]) -> tuple[dict[str, list[Case]], Faults]:
    """List the cases of every split that is there, sorted by id, without reading a file.

    Returns:
        The cases that could be paired, by split, and what the listing shows to be wrong.

    Raises:
        SegkitError: a folder cannot be listed.
    """
    present = list_folders(root)
    faults: Faults = {fault: [] for fault in FAULTS}
    found = {
        split: list_split(root, folders, present, faults)
        for split, folders in splits.items()
        if present & {folders.images, folders.masks}
    }
    for first, second in combinations(found.values(), 2):
        shared = {case.id for case in first} & {case.id for case in second}
        faults[LEAK] += [case.files[0].relative_to(root).as_posix() for case in second if case.id in shared]
    return found, faults


def list_split(root: Path, folders: Folders, present: set[str], faults: Faults) -> list[Case]:
    """Pair the files of one split; what cannot be paired is added to `faults`."""
    missing = {folders.images, folders.masks} - present
    if missing:
        faults[NO_FOLDER] += missing
        return []
    images = files_by_id(root, folders.images, id_of_image, faults)
    masks = files_by_id(root, folders.masks, id_of_mask, faults)
    if not images or not masks:
        return []
    faults[NO_MASK] += [f"{folders.images}/{images[id]}" for id in sorted(images.keys() - masks.keys())]
    faults[NO_IMAGE] += [f"{folders.masks}/{masks[id]}" for id in sorted(masks.keys() - images.keys())]
    return [
        Case(id=id, files=(root / folders.images / images[id], root / folders.masks / masks[id]))
        for id in sorted(images.keys() & masks.keys())
    ]


def files_by_id(root: Path, folder: str, id_of: Callable[[str], str | None], faults: Faults) -> dict[str, str]:
    """The names of a folder's files by case id; other files are left alone."""
    found: dict[str, str] = {}
    for name in sorted(list_files(root / folder, faults)):
        id = None if name.startswith(".") else id_of(name)
        if id in found:
            faults[TWICE].append(f"{folder}/{name}")
        elif id is not None:
            found[id] = name
    if not found:
        faults[NESTED if (root / folder / folder).is_dir() else EMPTY].append(folder)
    return found


def list_files(folder: Path, faults: Faults) -> list[str]:
    """The names of the JPEG and PNG files of a folder; links to nothing are added to `faults`."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.lower().endswith(SUFFIXES) or is_folder(entry):
                    continue
                names.append(entry.name)
                if entry.is_symlink() and not is_file(entry):
                    faults[BROKEN_LINK].append(f"{folder.name}/{entry.name}")
    except OSError as error:
        raise SegkitError(f"{folder.name} cannot be listed: {error.strerror}", "check its permissions") from None
    return names


def id_of_image(name: str) -> str | None:
    """The case id of a photograph; None for the superpixels that every archive of 2017 holds beside them."""
    stem = name.rpartition(".")[0]
    return None if stem.lower().endswith(SUPERPIXELS_ENDING) else stem


def superpixels(root: Path, splits: Mapping[str, Folders]) -> dict[Path, str]:
    """Return the superpixels beside the photographs, which are left out."""
    found = [path for folders in splits.values() for path in (root / folders.images).glob(f"*{SUPERPIXELS_ENDING}.*")]
    return dict.fromkeys(found, "of superpixels, not a photograph")


def id_of_mask(name: str) -> str | None:
    """The case id of a mask; None for another file. 2016 writes `_Segmentation`."""
    stem = name.rpartition(".")[0]
    return stem[: -len(MASK_ENDING)] if stem.lower().endswith(MASK_ENDING) else None


def raise_faults(faults: Faults) -> None:
    """Raise SegkitError where there is any fault: each kind with how many files it concerns and the first of them."""
    told = []
    hints = []
    for fault, files in faults.items():
        if files:
            first = min(files)
            count = f"1 {fault.one}: {first}" if len(files) == 1 else f"{len(files)} {fault.many}, first: {first}"
            told.append(count)
            hints.append(fault.hint)
    if told:
        raise SegkitError("; ".join(told), hints[0])


def problems_of(faults: Faults) -> list[Problem]:
    """Every fault with its file."""
    return [Problem(file, fault.one, fault.hint) for fault, files in faults.items() for file in sorted(files)]
