"""Which COCO instance files a data root has, and which split each is of."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segkit import SegkitError
from segkit.data.dataset import SPLITS
from segkit.files import expanded, open_regular
from segkit_coco.entries import NOT_ONE, Entries, read_entries, read_object, what_else
from segkit_coco.tree import Tree, split_named

PREFERRED = "instances"
"""COCO's own folder holds person_keypoints_train.json, which lists the same images, beside instances_train.json."""
EXAMPLE = (
    "it needs COCO instance files, such as annotations/instances_train.json or train/_annotations.coco.json, and the "
    "images they name"
)


@dataclass(frozen=True)
class Source:
    """One annotation file.

    Attributes:
        name: as it is told.
        folder: that it lies in, relative to the root; None where it lies elsewhere.
        split: that it is of; None where its name does not say.
    """

    path: Path
    name: str
    folder: PurePosixPath | None
    split: str | None
    entries: Entries


def find_sources(tree: Tree, given: Sequence[str], left_out: dict[Path, str]) -> list[Source]:
    """Read the annotation files that are given, or those below the root.

    Args:
        left_out: other JSON files are added to it, with the reason.

    Raises:
        SegkitError: there are none, one is broken, or some say their split and others do not.
    """
    found = [_given(tree, name) for name in given] or _look_for(tree, left_out)
    if len(found) == 1:
        [only] = found
        return [Source(only.path, only.name, only.folder, None, only.entries)]
    splits = {source.split for source in found}
    if None in splits and len(splits) > 1:
        odd = next(source for source in found if source.split is None)
        raise SegkitError(
            f"{odd.name} does not say whether it is train, val or test, and other annotation files do",
            "name those that are meant: --set data.annotations=FILE,FILE",
        )
    return found


def _given(tree: Tree, written: str) -> Source:
    path = tree.root / expanded(written, "data.annotations")
    if not path.is_file():
        raise SegkitError(f"data.annotations={written}: there is no such file", f"give it as below {tree.root}")
    content = read_object(path, path.name)
    other = what_else(content)
    if other is not None:
        raise SegkitError(f"{path.name} {other}", EXAMPLE)
    folder = PurePosixPath(path.parent.relative_to(tree.root)) if path.is_relative_to(tree.root) else None
    return Source(path, path.name, folder, split_of(PurePosixPath(path.name)), read_entries(content, path.name))


def _look_for(tree: Tree, left_out: dict[Path, str]) -> list[Source]:
    files = []
    for file in tree.files:
        if file.suffix.lower() == ".json" and may_be_one(tree.root / file):
            files.append(file)
        elif file.suffix.lower() == ".json":
            left_out[tree.root / file] = NOT_ONE
    preferred = {split_of(file) for file in files if file.name.startswith(PREFERRED)}
    found = []
    for file in files:
        split = split_of(file)
        if split in preferred and not file.name.startswith(PREFERRED):
            # Not parsed at all: COCO's own files have hundreds of megabytes.
            left_out[tree.root / file] = f"is of the same split as a file {PREFERRED}_..."
            continue
        content = read_object(tree.root / file, str(file))
        other = what_else(content)
        if other is not None:
            left_out[tree.root / file] = other
            continue
        found.append(Source(tree.root / file, str(file), file.parent, split, read_entries(content, str(file))))
    if not found:
        raise SegkitError(f"{tree.root} holds no COCO instance file", way_out(tree))
    return sorted(found, key=lambda source: SPLITS.index(source.split) if source.split else len(SPLITS))


def split_of(file: PurePosixPath) -> str | None:
    """Return the split that a file's name says, or the nearest folder's."""
    return next((split for split in map(split_named, (file.stem, *reversed(file.parts[:-1]))) if split), None)


def may_be_one(path: Path) -> bool:
    """Whether a JSON file speaks of images and of annotations or categories, without parsing it."""
    try:
        with open_regular(path) as stream:
            if path.stat().st_size == 0:
                return False
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                known = [content.find(word) >= 0 for word in (b'"images"', b'"annotations"', b'"categories"')]
        return sum(known) > 1
    except OSError as error:
        raise SegkitError(f"{path.name} cannot be read: {error.strerror}", "check its permissions") from None


def way_out(tree: Tree) -> str:
    """Say what a root without annotation files may be."""
    for file in tree.files:
        if file.name in ("data.yaml", "data.yml") or (file.suffix == ".txt" and "labels" in file.parts):
            return f"it holds {file}: YOLO labels are read with --data yolo"
    return EXAMPLE
