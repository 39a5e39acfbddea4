"""Which image has which mask: files of the same name in the folders images and masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segkit import SegkitError
from segkit.data.inventory import shown
from segkit_large.files import IMAGES, SHAPES, stem_of
from segkit_large.zarrs import is_zarr
from segkit_nifti.problems import NO_IMAGE, NO_LABEL, TWICE, Faults, add

IMAGE_FOLDERS = ("images", "slides", "image")
MASK_FOLDERS = ("masks", "annotations", "labels", "mask")
UNKNOWN = "has an ending of no image that is read"


@dataclass(frozen=True)
class Pair:
    """One image and its mask or polygons."""

    id: str
    image: Path
    mask: Path


@dataclass
class Found:
    """What lies in a data root.

    Attributes:
        left_out: files of no case, with the reason.
    """

    pairs: list[Pair]
    faults: Faults
    left_out: dict[Path, str]


def find_pairs(root: Path) -> Found:
    """Pair the files of the folders images (or slides) and masks (or annotations); raises SegkitError without them."""
    folders = [
        next((root / name for name in names if (root / name).is_dir()), None) for names in (IMAGE_FOLDERS, MASK_FOLDERS)
    ]
    if folders[0] is None or folders[1] is None:
        raise SegkitError(
            f"{shown(Path(root.name))} has no folders images and masks",
            "put TIFFs, slides or OME-Zarrs into images, masks or GeoJSON of the same names into masks",
        )
    faults: Faults = {}
    left_out: dict[Path, str] = {}
    images = named(folders[0], IMAGES, root, faults, left_out)
    masks = named(folders[1], (*IMAGES, *SHAPES), root, faults, left_out)
    add(faults, NO_LABEL, *(name_of(images[id], root) for id in sorted(images.keys() - masks.keys())))
    add(faults, NO_IMAGE, *(name_of(masks[id], root) for id in sorted(masks.keys() - images.keys())))
    pairs = [Pair(id, images[id], masks[id]) for id in sorted(images.keys() & masks.keys())]
    if not pairs and not faults:
        raise SegkitError(f"{shown(Path(root.name))} holds no images", "put TIFFs, slides or OME-Zarrs into images")
    return Found(pairs, faults, left_out)


def named(
    folder: Path, endings: tuple[str, ...], root: Path, faults: Faults, left_out: dict[Path, str]
) -> dict[str, Path]:
    """Return the images of a folder by their name without the ending."""
    found: dict[str, Path] = {}
    for path in entries(folder):
        stem = stem_of(path.name, endings)
        if stem is None or (path.is_dir() and not is_zarr(path)):
            # A folder beside an MRXS slide has its pixels.
            if not (path.is_dir() and path.with_name(f"{path.name}.mrxs").is_file()):
                left_out[path] = UNKNOWN
            continue
        if stem in found:
            add(faults, TWICE, name_of(path, root))
        found.setdefault(stem, path)
    return found


def entries(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder and is not hidden, in order."""
    yield from (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))


def name_of(path: Path, root: Path) -> str:
    """How messages call a file."""
    return str(shown(path.relative_to(root)))
