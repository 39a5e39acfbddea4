"""Which folders hold images and masks, and which splits they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segkit import SegkitError
from segkit.data.inventory import is_litter, is_text
from segkit.data.naming import IMAGES, MASK_ENDING, MASKS, SPLITS, with_split
from segkit_folder.listing import Files, by_stem, composed, list_folder

JOINED = "foreground"
"""The class of masks of which a case has several, one for each object."""
EXAMPLE = (
    "it needs a folder images and a folder masks, or these two in train, val and test; other names are said with "
    "--set data.images=NAME --set data.masks=NAME"
)


@dataclass(frozen=True)
class Source:
    """Images and the masks that belong to them.

    Attributes:
        split: the split its cases belong to; None where the folders do not say.
        where: what messages call the place of the images.
        masks: label images under "", or masks by class; none at all where the images have no masks.
        fields: fields of view, outside of which pixels count for nothing.
        paired: whether stems are ids already.
    """

    split: str | None
    where: Path
    images: Files
    masks: Mapping[str, Files]
    fields: Files = field(default_factory=Files)
    paired: bool = False


@dataclass(frozen=True)
class Names:
    """What people say the folders are called; None for the usual names."""

    images: str | None = None
    masks: str | None = None
    field: str | None = None


def find_sources(root: Path, names: Names) -> list[Source]:
    """Find the images and masks under a root, whichever way the folders are laid.

    Raises:
        SegkitError: the root holds nothing of the kind, only one of the two, or what can be meant in two ways.
    """
    for way in (split_outside, flat_or_split_inside, affixed, one_folder, folder_per_case):
        sources = way(root, names)
        if sources:
            return sources
    images = image_folder(root, names)
    missing = "images" if images is None else "masks"
    said = getattr(names, missing)
    raise SegkitError(f"{root} holds no folder {said or missing}", way_out(root, names))


def split_outside(root: Path, names: Names) -> list[Source]:
    """Find train/images, train/masks and so on."""
    return [
        folder_source(split, images, mask_folder(folder, names), field_folder(folder, names))
        for split, folder in split_folders(root)
        if (images := image_folder(folder, names)) is not None
    ]


def flat_or_split_inside(root: Path, names: Names) -> list[Source]:
    """Find images and masks, or images/train, masks/train and so on."""
    images, masks = image_folder(root, names), mask_folder(root, names)
    if images is None or masks is None:
        return []
    below, beside = dict(split_folders(images)), dict(split_folders(masks))
    if not below:
        return [folder_source(None, images, masks, field_folder(root, names))]
    extra = sorted(beside.keys() - below.keys())
    if extra:
        raise SegkitError(
            f"{masks.name} has a folder for {extra[0]}, {images.name} has none", "give both the same folders"
        )
    if not beside:
        raise SegkitError(
            f"{images.name} has a folder for {next(iter(below))}, {masks.name} has none", "give both the same folders"
        )
    fields = dict(split_folders(found)) if (found := field_folder(root, names)) else {}
    return [folder_source(split, folder, beside.get(split), fields.get(split)) for split, folder in below.items()]


def affixed(root: Path, names: Names) -> list[Source]:
    """Find imagesTr and labelsTr, train_images and train_masks, and so on."""
    images, masks = folders_of_splits(root, IMAGES), folders_of_splits(root, MASKS)
    sources = [folder_source(split, folder, masks.get(split), None) for split, folder in images.items()]
    if any(source.masks and source.images.volumes for source in sources):
        return []  # volumes in this layout have a description, and a dataset of their own
    return sources if any(source.masks for source in sources) else []


def one_folder(root: Path, names: Names) -> list[Source]:
    """Find images and masks in one folder, or in one for each split, told apart by the endings of the masks."""
    places: list[tuple[str | None, Path]] = [*split_folders(root)] or [(None, root)]
    found = [(split, folder, list_folder(folder)) for split, folder in places]
    sources = []
    for split, folder, files in found:
        masks = {stem for stem in files.files if is_mask_of_another(stem, files)}
        parts = [
            by_stem((path for stem, path in files.files.items() if (stem in masks) == wanted), folder)
            for wanted in (False, True)
        ]
        parts[0].others.update(files.others)
        parts[0].twice, parts[0].not_text = files.twice, files.not_text
        sources.append(Source(split, folder, parts[0], {"": parts[1]} if masks else {}))
    return sources if any(source.masks for source in sources) else []


def is_mask_of_another(stem: str, files: Files) -> bool:
    """Whether a stem is another one with the ending of a mask."""
    ending = MASK_ENDING.search(stem)
    return ending is not None and stem[: ending.start()] in files.files


def folder_per_case(root: Path, names: Names) -> list[Source]:
    """Find CASE/images with one image and CASE/masks with its masks, one for each object, which are joined."""
    images, masks = Files(), Files()
    for folder in folders_in(root):
        inside, beside = image_folder(folder, names), mask_folder(folder, names)
        if inside is None:
            continue
        listed = list_folder(inside)
        if len(listed.files) != 1:
            return []
        if not is_text(folder.name):
            images.not_text.append(folder)
            continue
        images.files[composed(folder.name)] = next(iter(listed.files.values()))
        images.others.update(listed.others)
        images.volumes |= listed.volumes
        if beside is not None:
            objects = list_folder(beside)
            masks.others.update(objects.others)
            masks.files.update({f"{composed(folder.name)}/{stem}": path for stem, path in objects.files.items()})
    if images.volumes or not masks or len(images.files) < 2:
        return []
    return [Source(None, root, images, {JOINED: masks}, paired=True)]


def folder_source(split: str | None, images: Path, masks: Path | None, fields: Path | None) -> Source:
    """List one pair of folders."""
    # A folder of masks that is empty is none: a test split is sometimes published so.
    nothing = masks is None or all(is_litter(path.name) for path in masks.iterdir())
    by_class = (
        {} if nothing or masks is None else {name: list_folder(folder) for name, folder in mask_folders(masks).items()}
    )
    return Source(split, images, list_folder(images), by_class, Files() if fields is None else list_folder(fields))


def mask_folders(masks: Path) -> dict[str, Path]:
    """Return the folders that masks lie in: the folder itself under "", or one per class by its name."""
    if list_folder(masks):
        return {"": masks}
    inner = {composed(path.name): path for path in folders_in(masks)}
    if not inner:
        raise SegkitError(f"{masks} holds no mask", "a mask has the name of its image")
    return inner


def image_folder(root: Path, names: Names) -> Path | None:
    """Return the folder of the images in `root`."""
    return named(root, IMAGES if names.images is None else (names.images,), "images")


def mask_folder(root: Path, names: Names) -> Path | None:
    """Return the folder of the masks in `root`."""
    return named(root, MASKS if names.masks is None else (names.masks,), "masks")


def field_folder(root: Path, names: Names) -> Path | None:
    """Return the folder of the fields of view in `root`; None where nobody has named one."""
    return None if names.field is None else named(root, (names.field,), "field")


def named(root: Path, names: tuple[str, ...], what: str) -> Path | None:
    """Return the folder in `root` with one of some names, capitals aside.

    Raises:
        SegkitError: there are several with files in them, and nobody has said which is meant.
    """
    if len(names) == 1 and "/" in names[0]:
        return root / names[0] if (root / names[0]).is_dir() else None
    folders = {composed(path.name).lower(): path for path in folders_in(root)}
    found = [folders[form] for name in names if (form := composed(name).lower()) in folders]
    filled = [folder for folder in found if len(found) > 1 and holds_images(folder)]
    if len(filled) > 1:
        hint = f"say which: --set data.{what}={filled[-1].name}"
        if what == "masks":
            hint += (
                f"; with --set data.field_of_view={filled[0].name} the other is taken for the field of view, outside "
                "of which pixels count for nothing"
            )
        both = " and ".join(folder.name for folder in filled)
        raise SegkitError(f"{root} holds the folders {both}, and each may be the {what}", hint)
    return next(iter(filled or found), None)


def holds_images(folder: Path) -> bool:
    """Whether a folder, or one in it, holds an image file."""
    return bool(list_folder(folder)) or any(list_folder(inner) for inner in folders_in(folder))


def folders_in(root: Path) -> list[Path]:
    """Return the folders in `root`, litter left out; raises SegkitError where it cannot be listed."""
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not is_litter(path.name))
    except OSError as error:
        raise SegkitError(f"{root} cannot be listed: {error.strerror}", "check the path and its permissions") from None


def split_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the folders in `root` that are called like a split, train first."""
    folders = {path.name.lower(): path for path in folders_in(root)}
    for split, names in SPLITS.items():
        found = next((folders[name] for name in names if name in folders), None)
        if found is not None:
            yield split, found


def folders_of_splits(root: Path, words: tuple[str, ...]) -> dict[str, Path]:
    """Return the folders in `root` whose name is one of some words and a split, such as imagesTr or train-images."""
    found: dict[str, Path] = {}
    for split, forms in SPLITS.items():
        pattern = with_split(words, forms)
        for folder in folders_in(root):
            if pattern.match(folder.name):
                found.setdefault(split, folder)
    return found


def split_of_path(parts: Iterable[str]) -> str | None:
    """Return the split that the folders on the way to a file say."""
    for part in parts:
        for split, forms in SPLITS.items():
            if part.lower() in forms:
                return split
    return None


def way_out(root: Path, names: Names) -> str:
    """Say what to do with a folder that holds no images or masks."""
    if (root / "dataset.json").is_file():
        return "it holds dataset.json: read it with --data msd"
    for below in folders_in(root):
        try:
            if any(way(below, names) for way in (split_outside, flat_or_split_inside, one_folder, folder_per_case)):
                return f"did you mean {below}?"
        except SegkitError:
            continue
    return EXAMPLE
