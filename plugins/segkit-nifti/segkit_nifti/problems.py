"""What is wrong with the files of a dataset of volumes, as it is told of one file and of many."""

from __future__ import annotations

from dataclasses import dataclass

from segkit import Problem, SegkitError


@dataclass(frozen=True)
class Fault:
    """One kind of thing that a listing shows to be wrong."""

    one: str
    many: str
    hint: str


NO_LABEL = Fault("image has no label", "images have no label", "a label has the name of its image, in the label folder")
NO_IMAGE = Fault("label has no image", "labels have no image", "bring the images back, or remove their labels")
NO_CHANNEL = Fault(
    "image lacks a channel",
    "images lack a channel",
    "a case has one file per channel: ID_0000, ID_0001 and so on",
)
TWICE = Fault(
    "file has the id of another one in its folder",
    "files have the id of another one in their folder",
    "keep one file for each id, .nii or .nii.gz",
)
CAPITALS = Fault(
    "id differs from another one in capitals only",
    "ids differ from others in capitals only",
    "rename them: on some systems one would overwrite the other",
)
BROKEN_LINK = Fault(
    "link leads to no file", "links lead to no file", "bring the files back, or remove the links and their partners"
)
EMPTY = Fault("folder holds no volume", "folders hold no volume", "put .nii or .nii.gz files there")
NOT_LISTED = Fault(
    "file that dataset.json names is not there",
    "files that dataset.json names are not there",
    "bring them back, or take them out of dataset.json",
)
OUTSIDE = Fault(
    "file that dataset.json names is not below the data root",
    "files that dataset.json names are not below the data root",
    "put the files, or links to them, into imagesTr and labelsTr, and name them from the root",
)
LEAK = Fault(
    "case is in two splits",
    "cases are in two splits",
    "keep each in one: a model must not be scored on what it was trained on",
)

Faults = dict[Fault, list[str]]
"""The files with each fault."""


def add(faults: Faults, fault: Fault, *files: str) -> None:
    """Add files to those with a fault."""
    if files:
        faults.setdefault(fault, []).extend(files)


def raise_faults(faults: Faults) -> None:
    """Raise SegkitError where there is any fault: each kind with how many files it concerns and the first of them."""
    told = []
    for fault, files in faults.items():
        first = min(files)
        count = f"1 {fault.one}: {first}" if len(files) == 1 else f"{len(files)} {fault.many}, first: {first}"
        told.append(count)
    if told:
        raise SegkitError("; ".join(told), next(iter(faults)).hint)


def problems_of(faults: Faults) -> list[Problem]:
    """Every fault with its file."""
    return [Problem(file, fault.one, fault.hint) for fault, files in faults.items() for file in sorted(files)]
