"""Pair images with masks by their stems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segkit import SegkitError
from segkit_folder.layout import Listed, Source, list_folder
from segkit_nifti import problems
from segkit_nifti.problems import Faults, add

MASK_ENDING = re.compile(r"[-_. ](mask|masks|seg|segmentation|label|labels|gt|groundtruth|annotation)\Z", re.IGNORECASE)
IMAGE_ENDING = re.compile(r"[-_. ](image|img|0000)\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """One image and its masks, as files.

    Attributes:
        masks: one label image under "", or one mask per class by the class's name.
    """

    id: str
    split: str | None
    image: Path
    masks: Mapping[str, Path]


@dataclass
class Found:
    """What the folders hold.

    Attributes:
        class_folders: names of the folders of masks, one per class; empty where masks are label images.
        endings: what had to be taken off a file's name to find its partner.
    """

    pairs: list[Pair] = field(default_factory=list)
    class_folders: tuple[str, ...] = ()
    volumes: bool = False
    endings: set[str] = field(default_factory=set)
    faults: Faults = field(default_factory=dict)


def pair_up(root: Path, sources: Iterable[Source]) -> Found:
    """Pair all files of all sources, sorted by id; what cannot be paired is added to the faults.

    Raises:
        SegkitError: a folder holds no image, photographs and volumes are mixed, or sources are of different forms.
    """
    found = Found()
    listings = []
    for source in sources:
        images = list_folder(source.images)
        if not images.files:
            raise SegkitError(
                f"{shown(source.images, root)} holds no image", "put PNG, JPEG, TIFF or NIfTI files there"
            )
        folders = mask_folders(source.masks)
        listings.append((source, images, folders))
    found.volumes = listings[0][1].volumes
    found.class_folders = tuple(sorted({name for _, _, folders in listings for name in folders if name}))
    for source, images, folders in listings:
        if images.volumes != found.volumes:
            raise SegkitError(
                f"{shown(source.images, root)} holds {kind(images.volumes)}, {shown(listings[0][0].images, root)} "
                f"{kind(found.volumes)}",
                "keep them in two datasets",
            )
        pair_source(root, source, images, folders, found)
    check_ids(found)
    found.pairs.sort(key=lambda pair: pair.id)
    return found


def mask_folders(masks: Path) -> dict[str, Path]:
    """Return the folders that masks lie in: the folder itself under "", or one per class by its name."""
    if list_folder(masks).files:
        return {"": masks}
    inner = {path.name: path for path in sorted(masks.iterdir()) if path.is_dir() and not path.name.startswith(".")}
    if not inner:
        raise SegkitError(f"{masks} holds no mask", "a mask has the name of its image")
    return inner


def pair_source(root: Path, source: Source, images: Listed, folders: Mapping[str, Path], found: Found) -> None:
    """Pair the files of one source; with a folder per class an image may lack any of them, but not all."""
    add(found.faults, problems.TWICE, *(shown(source.images / name, root) for name in images.twice))
    by_class: dict[str, dict[str, str]] = {}
    for name, folder in folders.items():
        listed = list_folder(folder)
        if listed.files and listed.volumes != images.volumes:
            raise SegkitError(
                f"{shown(folder, root)} holds {kind(listed.volumes)}, the images are {kind(images.volumes)}",
                "masks have the form of their images",
            )
        add(found.faults, problems.TWICE, *(shown(folder / name, root) for name in listed.twice))
        by_class[name] = without_endings(root, folder, listed.files, MASK_ENDING, set(images.files), found)
    masked = {id for ids in by_class.values() for id in ids}
    named = without_endings(root, source.images, images.files, IMAGE_ENDING, masked, found)
    for id, file in named.items():
        masks = {name: folders[name] / ids[id] for name, ids in by_class.items() if id in ids}
        if not masks:
            add(found.faults, problems.NO_LABEL, shown(source.images / file, root))
        found.pairs += [Pair(id, source.split, source.images / file, masks)] if masks else []
    for name, ids in by_class.items():
        orphans = sorted(ids.keys() - named.keys())
        add(found.faults, problems.NO_IMAGE, *(shown(folders[name] / ids[id], root) for id in orphans))


def without_endings(
    root: Path, folder: Path, files: Mapping[str, str], ending: re.Pattern[str], partners: set[str], found: Found
) -> dict[str, str]:
    """Return files by id: the stem where a partner has it, else the stem without an ending such as _mask."""
    named: dict[str, str] = {}
    for stem, name in files.items():
        match = None if stem in partners else ending.search(stem)
        id = stem if match is None else stem[: match.start()]
        if match is not None:
            found.endings.add(match[0])
        if id in named:
            add(found.faults, problems.TWICE, shown(folder / name, root))
        else:
            named[id] = name
    return named


def check_ids(found: Found) -> None:
    """Add ids that are in two splits, or that differ in capitals only."""
    seen: dict[str, Pair] = {}
    for pair in found.pairs:
        other = seen.setdefault(pair.id.casefold(), pair)
        if other is not pair:
            add(found.faults, problems.CAPITALS if other.split == pair.split else problems.LEAK, pair.id)


def kind(volumes: bool) -> str:
    """What the files are, in words."""
    return "NIfTI volumes" if volumes else "photographs"


def shown(path: Path, root: Path) -> str:
    """A path relative to the root, for messages."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
