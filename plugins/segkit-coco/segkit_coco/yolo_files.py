"""Which photographs and label files a YOLO folder has, and which splits they are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from segkit import SegkitError
from segkit.data.image_files import SUFFIXES
from segkit.files import read_text
from segkit_coco import faults
from segkit_coco.data_yaml import MOST_IN_LIST, NAME_LISTS, Description, place_in
from segkit_coco.tree import Tree, split_named
from segkit_folder.listing import composed
from segkit_nifti.problems import Faults, add

IMAGES, LABELS = "images", "labels"
NO_LABELS = ("classes.txt", "readme.txt", "notes.txt")
EXAMPLE = "it needs images/train and labels/train, or train/images and train/labels, and data.yaml"


def photographs_of(
    tree: Tree, description: Description, found: Faults, remarks: Faults
) -> dict[PurePosixPath, str | None]:
    """Return the photographs with their splits, None where nothing says one.

    Raises:
        SegkitError: there are none, or nothing says the split of some of them.
    """
    splits: dict[PurePosixPath, str | None] = {}
    if description.places:
        for file, split in _described(tree, description, found, remarks):
            if splits.setdefault(file, split) != split:
                add(found, faults.LEAK, str(file))
    else:
        within = [file for file in tree.images if IMAGES in map(str.lower, file.parts[:-1])]
        for file in within or tree.images:
            splits[file] = next(filter(None, map(split_named, reversed(file.parts[:-1]))), None)
    if not splits:
        raise SegkitError(f"{tree.root} holds no photographs with YOLO labels", EXAMPLE)
    unsaid = [file for file, split in splits.items() if split is None]
    if unsaid and len(unsaid) < len(splits):
        raise SegkitError(
            f"{unsaid[0]} is in no folder of train, val or test, and others are",
            "move it into one, or name the folders in data.yaml",
        )
    return splits


def _described(
    tree: Tree, description: Description, found: Faults, remarks: Faults
) -> Iterator[tuple[PurePosixPath, str]]:
    """Yield the photographs in the folders and lists that data.yaml names."""
    for split, places in description.places.items():
        for written in places:
            place = place_in(tree, description.base, written)
            if place is None and split == "train":
                raise SegkitError(
                    f"{description.file}: there is no {split}: {written} below {tree.root}", "mend the path, or move it"
                )
            if place is None:
                add(remarks, faults.NO_PLACE_NAMED, f"{split}: {written}")
            elif place in tree.files:
                yield from ((file, split) for file in _listed(tree, place, split, found))
            else:
                yield from ((file, split) for file in tree.images if place in file.parents)


def _listed(tree: Tree, place: PurePosixPath, split: str, found: Faults) -> Iterator[PurePosixPath]:
    """Yield the photographs that a text file lists; those that are not there are added to the faults."""
    for line in read_text(tree.root / place, file=str(place), most=MOST_IN_LIST).splitlines():
        if line.strip():
            file, fault = tree.find(line.strip(), [place.parent, PurePosixPath()], split)
            if fault is not None:
                add(found, fault, f"{line.strip()} in {place}")
            elif file is not None and file.name.lower().endswith(SUFFIXES):
                yield file


def describing(tree: Tree, description: Description) -> list[PurePosixPath]:
    """Return the files that name classes and list photographs."""
    named = [PurePosixPath(description.file), *map(PurePosixPath, NAME_LISTS)]
    places = [place_in(tree, description.base, place) for listed in description.places.values() for place in listed]
    return [file for file in dict.fromkeys((*named, *filter(None, places))) if file in tree.files]


def label_files(tree: Tree, found: Faults) -> dict[PurePosixPath, PurePosixPath]:
    """Return the label file of each photograph below the root that has one: in `labels` for `images`, or beside it.

    Labels without a photograph, and those of two, are added to the faults.
    """
    texts = {composed(str(file)): file for file in tree.files if file.suffix.lower() == ".txt"}
    labels: dict[PurePosixPath, PurePosixPath] = {}
    owners: dict[PurePosixPath, PurePosixPath] = {}
    for file in tree.images:
        label = next((texts[place] for place in label_places(file) if place in texts), None)
        if label is None:
            continue
        labels[file] = label
        if owners.setdefault(label, file) != file:
            add(found, faults.YOLO_SHARED, str(label))
    for label in texts.values():
        if LABELS in map(str.lower, label.parts[:-1]) and label not in owners and label.name.lower() not in NO_LABELS:
            add(found, faults.YOLO_ORPHAN, str(label))
    return labels


def label_places(file: PurePosixPath) -> Iterator[str]:
    """Yield where the label of a photograph may be, composed: the last folder called images has another name there."""
    parts = file.with_suffix(".txt").parts
    places = [at for at, part in enumerate(parts[:-1]) if part.lower() == IMAGES]
    if places:
        for folder in (LABELS, "Labels"):
            yield composed("/".join((*parts[: places[-1]], folder, *parts[places[-1] + 1 :])))
    yield composed("/".join(parts))
