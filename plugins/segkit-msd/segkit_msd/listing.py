"""Pair images with labels by their names in imagesTr and labelsTr, and find what the listing shows to be wrong."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath, PureWindowsPath

from segkit import Case, SegkitError
from segkit.files import is_file, is_folder
from segkit_msd.description import Description
from segkit_nifti import problems
from segkit_nifti.channels import CHANNEL
from segkit_nifti.files import stem_of
from segkit_nifti.problems import Faults, add

FOLDERS = {"train": ("imagesTr", "labelsTr"), "val": ("imagesVa", "labelsVa"), "test": ("imagesTs", "labelsTs")}


def list_cases(
    root: Path, description: Description, without: Collection[str] = ()
) -> tuple[dict[str, list[Case]], Faults]:
    """List the labelled cases of every split, sorted by id, without reading a file.

    A split without a label folder (test images, as a rule) is left out. Where dataset.json lists a split's images, only
    these are cases; where it has nnU-Net's "dataset", that says the training cases.

    Args:
        without: ids that are left out, files or not.

    Raises:
        SegkitError: there is no imagesTr or labelsTr, or a folder cannot be listed.
    """
    for folder in FOLDERS["train"]:
        if not description.given and not (root / folder).is_dir():
            raise SegkitError(f"{root} holds no folder {folder}", "images are in imagesTr, their labels in labelsTr")
    faults: Faults = {}
    found = {"train": list_given(root, description, without, faults)} if description.given else {}
    for split, folders in FOLDERS.items():
        if split not in found and all((root / folder).is_dir() for folder in folders):
            found[split] = list_split(root, split, description, without, faults)
    check_ids(found, faults)
    return found, faults


def list_given(root: Path, description: Description, without: Collection[str], faults: Faults) -> list[Case]:
    """List the training cases that dataset.json names file by file; what is not there is added to `faults`."""
    cases = []
    for id, (images, label) in sorted(description.given.items()):
        if id in without:
            continue
        folders = [FOLDERS["train"][0]] * len(images) + [FOLDERS["train"][1]]
        found = [find_given(root, written, folder) for written, folder in zip([*images, label], folders, strict=True)]
        missing = [written for written, path in zip([*images, label], found, strict=True) if path is None]
        for written in missing:
            add(faults, problems.NOT_LISTED if below(root, written) is not None else problems.OUTSIDE, written)
        if len(images) not in (1, len(description.channels)):
            add(faults, problems.NO_CHANNEL, id)
        files = tuple(path for path in found if path is not None)
        cases += [] if missing else [Case(id=id, files=files, meta={"images": len(images)})]
    return cases


def find_given(root: Path, written: str, folder: str) -> Path | None:
    """Find a file below the root that dataset.json names; one of another machine by its name alone.

    A name that leads out of the root is not followed, be the file there or not (issue 19): whoever wrote the dataset
    would choose what of the reader's disk is read. Links in the root are somebody's own doing, and are followed.
    """
    name = PurePosixPath(written.replace("\\", "/")).name
    places = [path for path in (below(root, written), below(root, f"{folder}/{name}")) if path is not None]
    return next((path for path in places if stem_of(path.name) is not None and is_file(path)), None)


def below(root: Path, written: str) -> Path | None:
    """Return the path that a written name means from the root, or absolute below it; None where it leads out of it."""
    name = written.replace("\\", "/")
    if "\0" in name or PureWindowsPath(name).drive:
        return None
    # Without following links, whose targets' ".." would be others.
    top = os.path.normpath(root.absolute())
    path = Path(os.path.normpath(root.absolute() / name))
    return path if path.is_relative_to(top) and path != Path(top) else None


def list_split(
    root: Path, split: str, description: Description, without: Collection[str], faults: Faults
) -> list[Case]:
    """Pair the files of one split; what cannot be paired is added to `faults`."""
    images_folder, labels_folder = FOLDERS[split]
    image_files = stems(root, images_folder, faults)
    label_files = stems(root, labels_folder, faults)
    if not image_files and not label_files and split != "train":
        return []
    add(faults, problems.EMPTY, *([] if image_files else [images_folder]), *([] if label_files else [labels_folder]))
    suffixed = has_channel_suffixes(list(image_files), set(label_files), preferred=description.suffixed)
    images = by_case(image_files, suffixed)
    wanted = listed_ids(description.listed.get(split, ()), images, label_files, suffixed, faults)
    cases = []
    for id in sorted(images.keys() | label_files.keys()):
        if id in without or (wanted is not None and id not in wanted):
            continue
        if id not in label_files:
            add(faults, problems.NO_LABEL, f"{images_folder}/{images[id][0]}")
        elif id not in images:
            add(faults, problems.NO_IMAGE, f"{labels_folder}/{label_files[id]}")
        else:
            if suffixed and not is_complete(images[id], len(description.channels)):
                add(faults, problems.NO_CHANNEL, f"{images_folder}/{images[id][0]}")
            files = [root / images_folder / name for name in images[id]] + [root / labels_folder / label_files[id]]
            cases.append(Case(id=id, files=tuple(files), meta={"images": len(images[id])}))
    return cases


def stems(root: Path, folder: str, faults: Faults) -> dict[str, str]:
    """The names of a folder's NIfTI files by stem; hidden files, such as macOS leaves beside others, are left alone."""
    found: dict[str, str] = {}
    try:
        with os.scandir(root / folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise SegkitError(f"{folder} cannot be listed: {error.strerror}", "check its permissions") from None
    for entry in listed:
        stem = None if entry.name.startswith(".") else stem_of(entry.name)
        if stem is None or is_folder(entry):
            continue
        if entry.is_symlink() and not is_file(entry):
            add(faults, problems.BROKEN_LINK, f"{folder}/{entry.name}")
        if stem in found:
            add(faults, problems.TWICE, f"{folder}/{entry.name}")
        else:
            found[stem] = entry.name
    return found


def has_channel_suffixes(images: Sequence[str], labels: set[str], *, preferred: bool) -> bool:
    """Whether _0000 at an image's end is a channel, or part of its id as in amos_0001: told by the labels' names."""
    whole = sum(stem in labels for stem in images)
    cut = sum(CHANNEL.sub("", stem) in labels for stem in images if CHANNEL.search(stem))
    return preferred if whole == cut else cut > whole


def by_case(files: Mapping[str, str], suffixed: bool) -> dict[str, list[str]]:
    """Gather an image's files by case id, channels in order."""
    found: dict[str, list[str]] = {}
    for stem in sorted(files):
        found.setdefault(CHANNEL.sub("", stem) if suffixed else stem, []).append(files[stem])
    return found


def is_complete(names: Sequence[str], channels: int) -> bool:
    """Whether an image's files are its channels from 0 on; one file alone may hold them all."""
    numbers = [CHANNEL.search(stem_of(name) or "") for name in names]
    found = [int(number[1]) for number in numbers if number is not None]
    return found in (list(range(channels)), [0])


def listed_ids(
    listed: Sequence[str],
    images: Mapping[str, Sequence[str]],
    labels: Mapping[str, str],
    suffixed: bool,
    faults: Faults,
) -> set[str] | None:
    """The ids that dataset.json lists, None where it lists none; by their names alone: its folders are often wrong."""
    if not listed:
        return None
    wanted = set()
    for entry in listed:
        name = PurePosixPath(entry.replace("\\", "/")).name
        stem = stem_of(name) or name
        id = stem if stem in images or not suffixed else CHANNEL.sub("", stem)
        if id not in images and id not in labels:
            add(faults, problems.NOT_LISTED, entry)
        wanted.add(id)
    return wanted


def check_ids(found: Mapping[str, Sequence[Case]], faults: Faults) -> None:
    """Add ids that are in two splits, or that differ in capitals only."""
    for first, second in combinations(found.values(), 2):
        shared = {case.id.casefold() for case in first} & {case.id.casefold() for case in second}
        add(faults, problems.LEAK, *sorted(case.id for case in second if case.id.casefold() in shared))
    for cases in found.values():
        seen: dict[str, str] = {}
        for case in cases:
            other = seen.setdefault(case.id.casefold(), case.id)
            add(faults, problems.CAPITALS, *([] if other == case.id else [case.id]))
