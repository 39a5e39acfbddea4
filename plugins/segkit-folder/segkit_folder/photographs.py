"""Read a photograph and its masks as one case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from segkit import IGNORE, Sample, UnusableFileError
from segkit.data.image_files import BROKEN_FILE, open_image
from segkit.data.masks import MaskImage, laid_alike, read_mask
from segkit.data.orientation import DOUBTFUL, is_doubtful
from segkit.data.photographs import channels_first, decode, resized
from segkit_folder.classes import Classes, unique
from segkit_folder.found import Look, look
from segkit_folder.hands import majority
from segkit_folder.pairing import Pair

LOOKED_AT = 64
"""Masks, evenly spread, that the classes are found in."""
SAY_ORIENTATION = f"{DOUBTFUL}: say --set data.orientation=upright or stored"
TURNED = "is turned as its EXIF orientation says"
AS_STORED = "is not turned as its EXIF orientation says: its mask fits it as it is stored"


def read_pair(
    root: Path,
    pair: Pair,
    classes: Classes,
    channels: int,
    name_of: Callable[[Path], str],
    orientation: str = "size",
    *,
    ignoring: bool = False,
) -> tuple[Sample, tuple[str, ...]]:
    """Read a photograph and its masks, turned so that they lie on each other.

    Args:
        orientation: what the masks were drawn on, as the dataset's param of that name has it.
        ignoring: what `pair.field` marks counts for nothing; otherwise what it does not.

    Returns:
        The case, and what is to be told by verify of its mask.

    Raises:
        UnusableFileError: a file cannot be used, or their sizes differ.
    """
    paths = [path for part in pair.masks.values() for path in part]
    paths += [] if pair.field is None else [pair.field]
    masks = [read_mask(path, name_of(path)) for path in paths]
    decoded = decode(root, pair.image.relative_to(root).as_posix())
    method = None if orientation == "stored" else decoded.turning
    if orientation == "stored":
        masks = [replace(mask, turning=None) for mask in masks]
    size = decoded.size[::-1]
    laid = laid_alike(size, method, masks)
    if laid is None:
        other = next((number for number, mask in enumerate(masks) if mask.shape != size), 0)
        raise UnusableFileError(
            name_of(paths[other]),
            f"has {times(masks[other].shape)} pixels, its image {name_of(pair.image)} {times(size)} (height first)",
            "masks have the size of their images",
        )
    pixels = channels_first(resized(decoded, laid[0], None), channels)
    if not pair.masks:
        return Sample(image=pixels), ()
    turned = dict(zip(paths, laid[1], strict=True))
    labels = labels_of(pair, classes, turned, name_of)
    labels = labels if "" not in pair.masks else classes.mask_of(labels)
    if pair.field is not None:
        labels[..., classes.marked(turned[pair.field], name_of(pair.field)) == ignoring] = IGNORE
    worries = mask_worries(pair, classes, turned, labels)
    if orientation == "size" and any(is_doubtful(size, method, mask.shape, mask.turning) for mask in masks):
        worries = (*worries, SAY_ORIENTATION)
    told = () if method is None or SAY_ORIENTATION in worries else (AS_STORED if laid[0] is None else TURNED,)
    return Sample(image=pixels, mask=labels, remarks=(*worries, *told)), worries


def labels_of(
    pair: Pair, classes: Classes, masks: Mapping[Path, MaskImage], name_of: Callable[[Path], str]
) -> np.ndarray:
    """Make one label map of a label image, or of what the masks of each class mark."""
    if "" in pair.masks:
        return majority([classes.labels_of(masks[path], name_of(path)) for path in pair.masks[""]])
    marked = {
        name: np.logical_or.reduce([classes.marked(masks[path], name_of(path)) for path in paths])
        for name, paths in pair.masks.items()
    }
    return joined(pair, classes, marked, name_of)


def joined(
    pair: Pair, classes: Classes, marked: Mapping[str, np.ndarray], name_of: Callable[[Path], str]
) -> np.ndarray:
    """Make one mask of what a mask per class marks; raises UnusableFileError where two mark one place and must not."""
    if classes.overlapping:
        nothing = np.zeros(next(iter(marked.values())).shape, bool)
        return np.stack([marked.get(name, nothing) for name in classes.names]).astype(np.uint8)
    labels = np.zeros(next(iter(marked.values())).shape, np.uint8)
    for label, name in enumerate(classes.names, 1):
        if name not in marked:
            continue
        taken = labels[marked[name] & (labels > 0)]
        if taken.size:
            raise UnusableFileError(
                name_of(pair.masks[name][0]),
                f"overlaps with class {classes.names[int(taken[0]) - 1]} in {taken.size:,} places, and a pixel has one "
                "class",
                "say --set data.overlapping=true where they do overlap; else give every pixel to one class",
            )
        labels[marked[name]] = label
    return labels


def mask_worries(pair: Pair, classes: Classes, masks: Mapping[Path, MaskImage], labels: np.ndarray) -> tuple[str, ...]:
    """Say what may be wrong with a mask that can be read: it marks nothing, everything, or is encoded as few are."""
    worries = []
    counted = labels != IGNORE
    if not counted.any():
        worries.append("has nothing but ignored pixels")
    elif not labels[counted].any():
        worries.append("marks no pixel")
    elif labels[counted].all() and len(classes.names) == 1:
        worries.append("marks every pixel")
    if "" in pair.masks and classes.threshold is None:
        mask = masks[pair.masks[""][0]]
        usual = next(iter(classes.values.values()))
        if not mask.lossy and not mask.coloured and classes.other_encoding({*unique(mask.values)} | {0}):
            value = int(mask.values.max())
            worries += [f"holds 0 and {value}, where most masks hold 0 and {usual}"] if value != usual else []
    return tuple(worries)


def some(pairs: Sequence[Pair]) -> list[Pair]:
    """Return pairs, evenly spread."""
    return list(islice(pairs, 0, None, -(-len(pairs) // LOOKED_AT) or 1))


def look_at(path: Path, name: str) -> Look:
    """Look at a mask for its classes."""
    return look(name, read_mask(path, name))


def channels_of(pairs: Sequence[Pair]) -> int:
    """Return 1 where all photographs are grey, else 3; no pixels are read, and of colour only the first header."""
    for pair in pairs:
        try:
            with open_image(pair.image) as opened:
                if opened.mode not in ("1", "L", "LA"):
                    return 3
        except BROKEN_FILE:
            continue  # told where the case is read, and by verify
    return 1


def times(shape: tuple[int, ...]) -> str:
    """Write a size as people do."""
    return "x".join(map(str, shape))
