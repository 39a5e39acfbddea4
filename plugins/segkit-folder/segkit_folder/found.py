"""The classes of masks that nobody has named: every value or colour is one, unless it can be meant in two ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segkit import SegkitError, UnusableFileError
from segkit.data.masks import THRESHOLD_HINT, MaskImage, black_and_white, colour_text
from segkit_folder.classes import ENCODINGS, EXAMPLE, FILE, Classes, check_whole, unique

MOST_FOUND = 40
"""More values than this are no labels: a photograph or a probability map."""
NEAR_BLACK, NEAR_WHITE = 31, 224
"""Greys between which there are none in black and white that was compressed, or whose 255 is to be ignored."""
BETWEEN = 12
"""How far, in each channel, a colour that interpolation made lies off the line between two others."""
NAMED = f"name the classes in {FILE}, {EXAMPLE}"
ONE_OR_SEVERAL = f"{THRESHOLD_HINT} where it is one class; else {NAMED}"


@dataclass(frozen=True)
class Look:
    """What one mask holds.

    Attributes:
        keys: grey values, or 0xRRGGBB where `coloured`.
        rims: those that are nowhere an area of three by three pixels.
        used: the colours of a palette's indices.
    """

    name: str
    keys: frozenset[int]
    rims: frozenset[int]
    coloured: bool
    white: int
    used: Mapping[int, int]


def look(name: str, mask: MaskImage) -> Look:
    """Look at one mask; raises UnusableFileError where its values are no labels."""
    if mask.lossy:
        marked = black_and_white(mask, name)
        return Look(name, frozenset(unique(marked.astype(np.uint8) * np.uint8(255))), frozenset(), False, 255, {})
    check_whole(mask, name)
    present = unique(mask.values)
    if present[0] < 0 or len(present) > MOST_FOUND + 1:
        what = "colours" if mask.coloured else "values (a photograph, or one interpolated?)"
        wrong = "negative values" if present[0] < 0 else f"{len(present)} different {what}"
        raise UnusableFileError(name, f"has {wrong}", ONE_OR_SEVERAL)
    used = {} if mask.indices is None else {index: mask.palette[index] for index in unique(mask.indices)}
    rims = frozenset(present) - areas(mask.values) if len(present) > 2 else frozenset()
    return Look(name, frozenset(present), rims, mask.coloured, mask.white, used)


def areas(values: np.ndarray) -> frozenset[int]:
    """Return the values that fill three by three pixels somewhere."""
    middle = values[1:-1, 1:-1]
    height, width = middle.shape
    same = np.ones(middle.shape, bool)
    for down in range(3):
        for right in range(3):
            same &= values[down : down + height, right : right + width] == middle
    return frozenset(unique(middle[same])) if same.any() else frozenset()


def found_classes(looks: Sequence[Look]) -> Classes:
    """Find the classes in photographs' masks that were looked at.

    Raises:
        UnusableFileError: a mask's values are no labels, or the rims of some that were interpolated.
        SegkitError: all masks are empty, or what they hold can be meant in two ways.
    """
    if not any(found.keys - {0} for found in looks):
        raise SegkitError(f"all {len(looks)} masks are empty", f"check them, or {NAMED}")
    source = f"found in {len(looks)} masks (name them in {FILE})"
    if any(found.coloured for found in looks):
        return by_index(looks, source) or by_colour(looks, source)
    return by_value(looks, source)


def by_index(looks: Sequence[Look], source: str) -> Classes | None:
    """Take the indices of palettes, where all masks have one colour for each, and black for the first."""
    table: dict[int, int] = {}
    for found in looks:
        if not found.used and found.keys != {0}:
            return None
        for index, colour in found.used.items():
            if table.setdefault(index, colour) != colour:
                return None
    if table.get(0, 0) != 0 or len(set(table.values())) < len(table):
        return None
    check_rims(looks)
    return named({index: f"class-{index}" for index in sorted(table) if index}, source)


def by_colour(looks: Sequence[Look], source: str) -> Classes:
    """Take colours for classes, the same in every mask, and black for the background."""
    colours: set[int] = set()
    for found in looks:
        grey = found.keys - {0} and not found.coloured
        if grey and (found.white != 255 or not found.keys <= {0, 255}):
            other = next(one.name for one in looks if one.coloured)
            raise SegkitError(f"{found.name} is a mask in grey, {other} one in colours", NAMED)
        colours |= {key * 0x010101 for key in found.keys} if grey else found.keys
    if 0 not in colours and len(colours) > 1:
        shown = " and ".join(colour_text(colour) for colour in sorted(colours)[:2])
        raise SegkitError(
            f"{looks[0].name} has colours such as {shown}, and no mask has black for the background",
            f'name the background and the classes in {FILE}, such as: background = "#ffffff"',
        )
    check_rims(looks)
    if len(colours) > MOST_FOUND + 1:
        raise SegkitError(f"the masks have {len(colours)} different colours", ONE_OR_SEVERAL)
    return named({key: f"class-{key:06x}" for key in sorted(colours) if key}, source, colours=True)


def by_value(looks: Sequence[Look], source: str) -> Classes:
    """Take grey values for classes."""
    values = sorted(frozenset().union(*(found.keys for found in looks)))
    labels = [value for value in values if value]
    if len(values) > MOST_FOUND + 1:
        raise UnusableFileError(looks[-1].name, f"and others have {len(values)} different values", ONE_OR_SEVERAL)
    alone = all(len(found.keys - {0}) <= 1 for found in looks)
    if len(labels) > 1 and alone and set(labels) <= set(ENCODINGS):
        return several_encodings(looks, source)
    if len(labels) > 1:
        check_values(looks, values, alone=alone)
        check_rims(looks)
    return named({value: f"class-{value}" for value in labels}, source)


def several_encodings(looks: Sequence[Look], source: str) -> Classes:
    """Take masks that are each 0 and one value, such as 1 or 255, for masks of one class, and tell the rarer ones."""
    times = Counter(next(iter(found.keys - {0})) for found in looks if found.keys - {0})
    most = max(times, key=lambda value: (times[value], value))
    odd = [found.name for found in looks if found.keys - {0, most}]
    values = " and ".join(str(value) for value in sorted(times))
    more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
    remark = f"{values} are taken for one class: most masks hold {most}, {odd[0]}{more} do not"
    return Classes({"foreground": most}, None, source, found=True, remark=remark)


def check_values(looks: Sequence[Look], values: Sequence[int], *, alone: bool) -> None:
    """Raise SegkitError where values can be meant in two ways."""
    labels = [value for value in values if value]
    shown = ", ".join(str(value) for value in labels[:6]) + (", ..." if len(labels) > 6 else "")
    one = next(found.name for found in looks if labels[-1] in found.keys)
    if values[0] != 0:
        raise SegkitError(
            f"masks such as {one} have the values {shown} and never 0, and nothing says which is the background",
            f"name them in {FILE}, such as: background = {labels[0]} and classes = {{lesion = {labels[1]}}}",
        )
    if alone and len(labels) == 2 and labels[-1] in ENCODINGS[1:]:
        other = next(found.name for found in looks if labels[0] in found.keys)
        raise SegkitError(f"{other} holds 0 and {labels[0]}, {one} 0 and {labels[1]}: one class or two", ONE_OR_SEVERAL)
    low = [value for value in labels if value <= NEAR_BLACK]
    high = [value for value in labels if value >= NEAR_WHITE]
    if high and len(low) + len(high) == len(labels) and labels[-1] <= 255:
        raise SegkitError(
            f"masks such as {one} have the values {shown}: one class whose values were compressed, or several and one "
            "to be ignored",
            f"{THRESHOLD_HINT} where it is one class; else name them in {FILE}, {EXAMPLE}",
        )


def check_rims(looks: Sequence[Look]) -> None:
    """Raise UnusableFileError where values are only met along the rims of others, as interpolation makes them."""
    solid = frozenset().union(*(found.keys - found.rims for found in looks))
    grey = not any(found.coloured for found in looks)
    for found in looks:
        ends = [channels(key, grey=grey) for key in solid]
        rims = [key for key in found.rims - solid if lies_between(channels(key, grey=grey), ends)]
        # Labels that are numbered from 1 on are written by programs, and small ones are no rims.
        if rims and not (grey and max(found.keys) <= MOST_FOUND):
            shown = ", ".join(str(key) if grey else colour_text(key) for key in sorted(rims)[:5])
            raise UnusableFileError(
                found.name,
                f"has values along rims only, as interpolation makes them: {shown}{', ...' if len(rims) > 5 else ''}",
                ONE_OR_SEVERAL,
            )


def channels(key: int, *, grey: bool) -> np.ndarray:
    """Return a value's red, green and blue."""
    return np.array((key, key, key) if grey else (key >> 16, key >> 8 & 255, key & 255), float)


def lies_between(colour: np.ndarray, ends: Sequence[np.ndarray]) -> bool:
    """Whether a colour is a mixture of two others."""
    for index, first in enumerate(ends):
        for second in ends[index + 1 :]:
            way = second - first
            share = float((colour - first) @ way) / float(way @ way)
            if 0 < share < 1 and np.abs(first + share * way - colour).max() <= BETWEEN:
                return True
    return False


def named(labels: Mapping[int, str], source: str, *, colours: bool = False) -> Classes:
    """Name found classes; one alone is called foreground."""
    if len(labels) == 1:
        return Classes({"foreground": next(iter(labels))}, None, source, colours=colours, found=True)
    return Classes({name: value for value, name in labels.items()}, None, source, colours=colours, found=True)


def found_values(masks: Iterable[tuple[str, np.ndarray]]) -> Classes:
    """Take every value that volumes' label maps hold for a class; one alone is called foreground.

    Raises:
        UnusableFileError: one holds so many values that they are no labels, or negative ones.
        SegkitError: all are empty.
    """
    found: set[int] = set()
    looked_at = 0
    for name, values in masks:
        looked_at += 1
        found |= set(unique(values))
        if min(found) < 0 or len(found) > MOST_FOUND:
            wrong = "negative values" if min(found) < 0 else f"{len(found)} different values (an image?)"
            raise UnusableFileError(name, f"has {wrong}", NAMED)
    if not found - {0}:
        raise SegkitError(f"all {looked_at} masks are empty", f"check them, or {NAMED}")
    source = f"found in {looked_at} masks (name them in {FILE})"
    return named({value: f"class-{value}" for value in sorted(found - {0})}, source)
