"""Pair images with masks by their stems."""

from __future__ import annotations

import filecmp
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from segkit import SegkitError
from segkit.data.inventory import shown as text_of
from segkit.data.naming import MASK_ENDING
from segkit_folder.channels import incomplete, without_channels
from segkit_folder.layout import JOINED, Source, folders_in
from segkit_folder.listing import Files, list_folder
from segkit_folder.names import IMAGE_ENDING, nearest_patterns, without_affixes
from segkit_nifti import problems
from segkit_nifti.problems import Fault, Faults, add

UNLABELLED = "without a mask, in folders without masks: predicted by a run, not scored"
NO_FIELD = Fault("image has no field of view", "images have no field of view", "leave out data.field_of_view")
NOT_TEXT = Fault(
    "file has a name that is not UTF-8",
    "files have names that are not UTF-8",
    "rename them, such as with convmv: results could not be written under these names",
)


@dataclass(frozen=True)
class Pair:
    """One image and its masks, as files.

    Attributes:
        masks: one label image under "", or those of each class by its name.
        field: the field of view, outside of which pixels count for nothing.
        channels: of a volume that has a file per channel, those after the first.
    """

    id: str
    split: str | None
    image: Path
    masks: Mapping[str, tuple[Path, ...]]
    field: Path | None = None
    channels: tuple[Path, ...] = ()

    @property
    def images(self) -> tuple[Path, ...]:
        """The image's files, one per channel where there are several."""
        return (self.image, *self.channels)

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is read, the image first."""
        masks = [path for paths in self.masks.values() for path in paths]
        return (*self.images, *masks, *([] if self.field is None else [self.field]))


@dataclass
class Found:
    """What the folders hold.

    Attributes:
        class_folders: names of the folders of masks, one per class; empty where masks are label images.
        endings: what had to be taken off a file's name to find its partner.
        unlabelled: images of splits without masks, by a name of their own.
        others: files that are left out, with the reason.
        channels: of volumes with a file per channel, all of an image's files by the first.
        renamed: how many ids got their split before them, since another split numbers its files alike.
    """

    pairs: list[Pair] = field(default_factory=list)
    class_folders: tuple[str, ...] = ()
    volumes: bool = False
    endings: set[str] = field(default_factory=set)
    faults: Faults = field(default_factory=dict)
    unlabelled: dict[str, Path] = field(default_factory=dict)
    others: dict[Path, str] = field(default_factory=dict)
    channels: dict[Path, tuple[Path, ...]] = field(default_factory=dict)
    renamed: int = 0


def pair_up(root: Path, sources: Iterable[Source]) -> Found:
    """Pair all files of all sources, sorted by id; what cannot be paired is added to the faults.

    Raises:
        SegkitError: a folder holds no image, photographs and volumes are mixed, or no image has a mask of its name.
    """
    found = Found()
    sources = list(sources)
    for source in sources:
        for files in (source.images, *source.masks.values(), source.fields):
            found.others.update(files.others)
            add(found.faults, NOT_TEXT, *(shown(path, root) for path in files.not_text))
            add(found.faults, problems.TWICE, *(shown(path, root) for path in files.twice))
        if not source.images and not source.images.not_text:
            odd = next(iter(source.images.others), None)
            but = "" if odd is None else f" that is read, but {odd.name}"
            raise SegkitError(f"{shown(source.where, root)} holds no image{but}", deeper_hint(root, source.where))
    found.volumes = sources[0].images.volumes
    found.class_folders = tuple(sorted({name for source in sources for name in source.masks if name}))
    for source in sources:
        check_kinds(root, source, sources[0])
        if found.volumes:
            source, channels = without_channels(source)
            found.channels.update(channels)
        if any(source.masks.values()):
            pair_source(root, source, found)
        else:
            before = "" if source.split is None else f"{source.split}-"
            found.unlabelled |= {f"{before}{stem}": path for stem, path in source.images.files.items()}
    if not found.pairs and not found.faults:
        raise SegkitError(f"{root} holds no masks", "a mask has the name of its image")
    add(found.faults, problems.NO_CHANNEL, *(shown(path, root) for path in incomplete(found.channels)))
    tell_apart(found)
    found.others.update(dict.fromkeys(found.unlabelled.values(), UNLABELLED))
    found.pairs.sort(key=lambda pair: pair.id)
    return found


def deeper_hint(root: Path, images: Path) -> str:
    """Say what to do with a folder without images: patterns where its folders hold some, such as one per patient."""
    if any(list_folder(folder) for folder in folders_in(images)):
        inside = shown(images, root)
        return (
            f"they lie in folders of it: say --set 'data.images={inside}/*/*.png', and of the masks alike, such as "
            "--set 'data.masks=masks/*/*.png'; ids are then FOLDER-NAME"
        )
    return "put PNG, JPEG, TIFF, BMP, GIF or NIfTI files there"


def check_kinds(root: Path, source: Source, first: Source) -> None:
    """Raise SegkitError where photographs and volumes are mixed."""
    if source.images.volumes != first.images.volumes:
        raise SegkitError(
            f"{shown(source.where, root)} holds {kind(source.images.volumes)}, {shown(first.where, root)} "
            f"{kind(first.images.volumes)}",
            "keep them in two datasets",
        )
    for masks in source.masks.values():
        if masks and masks.volumes != source.images.volumes:
            folder = next(iter(masks.files.values())).parent
            raise SegkitError(
                f"{shown(folder, root)} holds {kind(masks.volumes)}, the images are {kind(source.images.volumes)}",
                "masks have the form of their images",
            )


def pair_source(root: Path, source: Source, found: Found) -> None:
    """Pair the files of one source; with a folder per class an image may lack any of them, but not all."""
    images = source.images.files
    second = next((stem for stem in images if stem.endswith("_0001") and f"{stem[:-4]}0000" in images), None)
    if second is not None and not found.volumes:
        raise SegkitError(
            f"{shown(images[second], root)} is the second channel of an image that has one file per channel, which is "
            "not read of photographs",
            "save the channels of each image as one RGB file",
        )
    if JOINED in source.masks and source.paired:
        by_class = {JOINED: objects_by_case(source.masks[JOINED])}
        ids = {stem: stem for stem in images}
    elif source.paired:
        by_class = {name: single(masks.files) for name, masks in source.masks.items()}
        ids = {stem: stem for stem in images}
    else:
        ids, by_class = paired_by_name(root, source, found)
    fields = {} if not source.fields else field_ids(ids, source.fields.files, paired=source.paired)
    for stem, path in images.items():
        id = ids.get(stem)
        if id is None:
            continue  # another file has its id, which is told
        masks = {name: named[id] for name, named in by_class.items() if id in named}
        if not masks:
            add(found.faults, problems.NO_LABEL, shown(path, root))
            continue
        if source.fields and id not in fields:
            add(found.faults, NO_FIELD, shown(path, root))
        found.pairs.append(Pair(id, source.split, path, masks, fields.get(id), found.channels.get(path, ())[1:]))
    for named in by_class.values():
        orphans = sorted(named.keys() - set(ids.values()))
        add(found.faults, problems.NO_IMAGE, *(shown(path, root) for id in orphans for path in named[id]))


def single(files: Mapping[str, Path]) -> dict[str, tuple[Path, ...]]:
    """Return files by id, one for each."""
    return {id: (path,) for id, path in files.items()}


def objects_by_case(masks: Files) -> dict[str, tuple[Path, ...]]:
    """Return the masks of each case, one for each object."""
    objects: dict[str, list[Path]] = defaultdict(list)
    for stem, path in masks.files.items():
        objects[stem.partition("/")[0]].append(path)
    return {id: tuple(paths) for id, paths in objects.items()}


def paired_by_name(
    root: Path, source: Source, found: Found
) -> tuple[dict[str, str], dict[str, dict[str, tuple[Path, ...]]]]:
    """Return the id of every image by its stem, and masks by class and id.

    Raises:
        SegkitError: no image has a mask of its name.
    """
    images = source.images.files
    endings: set[str] = set()
    twice: list[Path] = []
    by_class = {
        name: by_id(masks.files, MASK_ENDING, set(images), endings, twice) for name, masks in source.masks.items()
    }
    masked = {id for named in by_class.values() for id in named}
    named_images = by_id(images, IMAGE_ENDING, masked, endings, twice)
    if masked & named_images.keys():
        found.endings |= endings
        add(found.faults, problems.TWICE, *(shown(path, root) for path in twice))
        stems = {path: stem for stem, path in images.items()}
        return {stems[paths[0]]: id for id, paths in named_images.items()}, by_class
    # Nothing pairs: what all names have in common is taken off, and has to pair everything (issue 18).
    ids, taken = without_affixes(images)
    cut = {name: without_affixes(masks.files) for name, masks in source.masks.items()}
    pairs: dict[str, dict[str, tuple[Path, ...]]] = {
        name: {cut[name][0][stem]: (path,) for stem, path in masks.files.items()}
        for name, masks in source.masks.items()
    }
    masked = {id for named in pairs.values() for id in named}
    if masked == set(ids.values()):
        found.endings |= {ending for ending in (taken, *(ending for _, ending in cut.values())) if ending}
        return ids, pairs
    first = next(masks.files for masks in source.masks.values() if masks)
    image_pattern, mask_pattern, image, mask = nearest_patterns(images, first)
    raise SegkitError(
        f"no image in {shown(source.where, root)} has a mask of its name: there is the image {image}, and the mask "
        f"{mask}",
        f"say what they are called, such as: --set 'data.images={image_pattern}' --set 'data.masks={mask_pattern}'",
    )


def by_id(
    files: Mapping[str, Path], ending: re.Pattern[str], partners: set[str], endings: set[str], twice: list[Path]
) -> dict[str, tuple[Path, ...]]:
    """Return files by id: the stem where a partner has it, else the stem without an ending such as _mask.

    What was taken off is added to `endings`, files whose id another one has to `twice`.
    """
    named: dict[str, tuple[Path, ...]] = {}
    for stem, path in files.items():
        match = None if stem in partners else ending.search(stem)
        id = stem if match is None else stem[: match.start()]
        if match is not None:
            endings.add(match[0])
        if id in named:
            twice.append(path)
        else:
            named[id] = (path,)
    return named


def field_ids(ids: Mapping[str, str], fields: Mapping[str, Path], *, paired: bool) -> dict[str, Path]:
    """Return the fields of view by the ids of their images."""
    if paired:
        return dict(fields)
    plain = {MASK_ENDING.sub("", stem): path for stem, path in fields.items()}
    by_stem = {ids[stem]: path for stem, path in plain.items() if stem in ids}
    if by_stem:
        return by_stem
    cut, _ = without_affixes(fields)
    return {cut[stem]: path for stem, path in fields.items()}


def tell_apart(found: Found) -> None:
    """Put the split before ids that several splits have, unless it is one image; add those that differ in capitals."""
    by_id: dict[str, list[Pair]] = defaultdict(list)
    for pair in found.pairs:
        by_id[pair.id.casefold()].append(pair)
    alike = [pairs for pairs in by_id.values() if len({pair.split for pair in pairs}) > 1]
    for pairs in alike:
        for number, pair in enumerate(pairs):
            if any(filecmp.cmp(pair.image, other.image, shallow=False) for other in pairs[:number]):
                add(found.faults, problems.LEAK, pair.id)
    if alike:
        found.renamed = sum(map(len, alike))
        found.pairs = [replace(pair, id=f"{pair.split or 'other'}-{pair.id}") for pair in found.pairs]
    seen: dict[str, Pair] = {}
    for pair in found.pairs:
        if seen.setdefault(pair.id.casefold(), pair) is not pair:
            add(found.faults, problems.CAPITALS, pair.id)


def kind(volumes: bool) -> str:
    """What the files are, in words."""
    return "NIfTI volumes" if volumes else "photographs"


def shown(path: Path, root: Path) -> str:
    """A path relative to the root, for messages."""
    return text_of(path.relative_to(root) if path.is_relative_to(root) else path)
