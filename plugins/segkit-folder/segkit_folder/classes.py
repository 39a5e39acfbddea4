"""Which value or colour in a mask is which class, and the labels that follow."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from segkit import IGNORE, SegkitError, UnusableFileError, UsageError
from segkit.data.in_parts import values_of
from segkit.data.masks import THRESHOLD_HINT, MaskImage, black_and_white, colour_text
from segkit.data.unions import Unions

FILE = "classes.toml"
EXAMPLE = 'such as: classes = {lesion = 1, hair = "#00ff00"}, or classes = ["lesion", "hair"], and ignore = 255'
ENCODINGS = (1, 255, 65535)
"""What stands for "marked" in masks of one class."""
FEW = 3
"""More values of no class than this are no classes that were forgotten."""
TABLE = 1 << 16
"""Values below this are looked up in a table, which takes a tenth of the time that sorting them does."""


class PaletteBook:
    """What the indices of palette masks stand for, so that one index never means two colours, nor the other way."""

    def __init__(self) -> None:
        self.colours: dict[int, tuple[int, str]] = {}
        self.indices: dict[int, tuple[int, str]] = {}
        self.lock = threading.Lock()

    def check(self, mask: MaskImage, name: str) -> None:
        """Note what a mask's indices stand for; raises UnusableFileError where another mask has it otherwise."""
        assert mask.indices is not None
        with self.lock:
            for index in values_of(mask.indices):
                colour = mask.palette[index]
                known, other = self.colours.setdefault(index, (colour, name))
                known_index, same = self.indices.setdefault(colour, (index, name))
                if known != colour or known_index != index:
                    what = f"index {index} {colour_text(colour)}"
                    there = f"{known_index} {colour_text(colour)} in {same}"
                    if known != colour:
                        there = f"{index} {colour_text(known)} in {other}"
                    raise UnusableFileError(
                        name, f"has {what} in its palette, and {there}", f"name the colours in {FILE}, {EXAMPLE}"
                    )


@dataclass(frozen=True)
class Classes:
    """The classes, and the values that masks hold for them.

    Attributes:
        values: by class name, in label order; 0xRRGGBB where `colours`.
        ignore: the value of pixels that count for nothing.
        source: how they came to be known, in words.
        colours: whether masks are read by colour.
        background: the value or colour that is no class.
        threshold: grey value above which any mask is of the one class.
        found: whether nobody has named them; a mask of the one class may then be encoded otherwise than most.
        remark: what people should know of how the masks differ.
        unions: the classes as they were joined of the values, which have names of no class then.
        overlapping: whether a pixel may be in several classes' masks, each of which has a folder of its own.
    """

    values: Mapping[str, int]
    ignore: int | None
    source: str
    colours: bool = False
    background: int = 0
    threshold: float | None = None
    found: bool = False
    remark: str = ""
    palettes: PaletteBook = field(default_factory=PaletteBook, compare=False)
    unions: Unions | None = None
    overlapping: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """In label order."""
        return tuple(self.values) if self.unions is None else self.unions.names

    @property
    def overlap(self) -> bool:
        """Whether a pixel may be of several classes."""
        return self.overlapping or (self.unions is not None and self.unions.overlapping)

    def mask_of(self, labels: np.ndarray) -> np.ndarray:
        """Turn labels of the values (*S) into a mask of the classes: the same where none was joined."""
        return labels if self.unions is None else self.unions.masks(labels)

    def labels_of(self, mask: MaskImage, name: str) -> np.ndarray:
        """Turn a photograph's mask into labels, uint8; raises UnusableFileError where it cannot be meant."""
        if self.threshold is not None:
            return (mask.brightness() > self.threshold).astype(np.uint8)
        if mask.lossy:
            if len(self.values) > 1:
                raise UnusableFileError(
                    name,
                    f"is a JPEG, which keeps black and white apart, not {len(self.values)} classes",
                    "save it as PNG, from where it was drawn",
                )
            return black_and_white(mask, name).astype(np.uint8)
        check_whole(mask, name)
        if self.colours:
            return self.to_labels(mask.colours(), name)
        if mask.coloured and mask.indices is None:
            raise UnusableFileError(name, "is a mask in colours", f"name the colours in {FILE}, {EXAMPLE}")
        if mask.indices is not None and (mask.coloured or self.unknown(mask.values)):
            self.palettes.check(mask, name)
            return self.to_labels(mask.indices, name)
        return self.to_labels(mask.values, name)

    def known(self) -> dict[int, int]:
        """Return the label of every value that is known."""
        labels = {self.background: 0, **{value: label for label, value in enumerate(self.values.values(), 1)}}
        if self.ignore is not None:
            labels[self.ignore] = IGNORE
        return labels

    def unknown(self, values: np.ndarray) -> list[int]:
        """Return the values that are of no class; encodings of a found class that is alone are."""
        present = set(unique(values))
        unknown = sorted(present - self.known().keys())
        return [] if len(unknown) == 1 and self.other_encoding(present) else unknown

    def other_encoding(self, present: set[int]) -> bool:
        """Whether a mask's values are those of one class as others encode it: 0 and 1 in place of 0 and 255."""
        marked = present - {0}
        return self.found and not self.colours and len(self.values) == 1 and len(marked) == 1 and marked <= {*ENCODINGS}

    def to_labels(self, values: np.ndarray, name: str) -> np.ndarray:
        """Turn a mask's values into labels, uint8; raises UnusableFileError where a value is of no class."""
        present = unique(values)
        if self.threshold is not None or self.other_encoding(set(present)):
            above: np.ndarray = (values > (self.threshold or 0)).astype(np.uint8)
            return above
        known = self.known()
        unknown = [value for value in present if value not in known]
        if unknown:
            raise self.no_class(unknown, name)
        if present[-1] < TABLE and present[0] >= 0:
            table = np.zeros(present[-1] + 1, np.uint8)
            table[present] = [known[value] for value in present]
            mapped: np.ndarray = table[values]
            return mapped
        labels: np.ndarray = np.array([known[value] for value in present], np.uint8)[np.searchsorted(present, values)]
        return labels

    def no_class(self, unknown: Sequence[int], name: str) -> UnusableFileError:
        """Describe a mask that has values of no class."""
        shown = [colour_text(value) if self.colours else str(value) for value in unknown[:5]]
        listed = ", ".join(shown) + (", ..." if len(unknown) > 5 else "")
        hint = f"name them in {FILE}, {EXAMPLE}, or mend the mask"
        if len(self.values) == 1 and len(unknown) > FEW:
            hint = f"{THRESHOLD_HINT}, if they are its rim (interpolated, compressed); else name them in {FILE}"
        elif len(self.values) == 1:
            hint += f", or {THRESHOLD_HINT}"
        what = "colours" if self.colours else "values"
        return UnusableFileError(name, f"has {what} of no class: {listed}", hint)

    def marked(self, mask: MaskImage, name: str) -> np.ndarray:
        """Return which pixels one class's own mask marks, bool (H, W).

        Raises:
            UnusableFileError: it holds more than black and one other value, and no threshold is set.
        """
        if self.threshold is not None:
            above: np.ndarray = mask.brightness() > self.threshold
            return above
        if mask.lossy:
            return black_and_white(mask, name)
        check_whole(mask, name)
        others = [value for value in unique(mask.values) if value]
        if len(others) > 1:
            shown = ", ".join(colour_text(value) if mask.coloured else str(value) for value in others[:5])
            raise UnusableFileError(
                name,
                f"marks one class with {len(others)} values: {shown}{', ...' if len(others) > 5 else ''}",
                f"{THRESHOLD_HINT}, or all above black with data.threshold=0; or save it as black and white",
            )
        marked: np.ndarray = mask.values != 0
        return marked

    def describe(self) -> str:
        """Names and values in words: "1 lesion (value 255)"."""
        if self.threshold is not None:
            return f"1 {self.names[0]} (above {self.threshold:g}, by data.threshold); {self.source}"
        if self.unions is not None:
            names = {label: self.text(value) for label, value in enumerate(self.values.values(), 1)}
            told = [self.unions.describe(names)]
        else:
            told = self.described_values()
        told += [f"{self.text(self.ignore)} is ignored"] if self.ignore is not None else []
        told += [f"{self.text(self.background)} is background"] if self.background else []
        return ", ".join(told) + f"; {self.source}"

    def described_values(self) -> list[str]:
        """Names and values one by one."""
        return [
            f"{label} {name}" + (f" ({self.text(value)})" if value != label or self.colours else "")
            for label, (name, value) in enumerate(self.values.items(), 1)
        ]

    def text(self, value: int) -> str:
        """Name a value or colour."""
        return f"colour {colour_text(value)}" if self.colours else f"value {value}"


def check_whole(mask: MaskImage, name: str) -> None:
    """Raise UnusableFileError where a mask's pixels are floating-point numbers."""
    if not np.issubdtype(mask.values.dtype, np.integer):
        raise UnusableFileError(
            name, "has floating-point numbers, not labels", "say --set data.threshold=0.5 where they are probabilities"
        )


def unique(values: np.ndarray) -> list[int]:
    """Return the values that there are, sorted."""
    if values.dtype == np.uint8:
        return values_of(values)
    return [int(value) for value in np.unique(values)]


def one_class(named: Classes | None, threshold: float) -> Classes:
    """Take what is brighter than a threshold for the one class.

    Raises:
        UsageError: a file names several.
    """
    if named is None:
        return Classes({"foreground": 1}, None, "as asked", threshold=threshold)
    if len(named.names) > 1:
        raise UsageError(
            f"data.threshold={threshold:g} tells one class apart, {FILE} names {len(named.names)}",
            "name one class, or leave out data.threshold",
        )
    return replace(named, threshold=threshold)


def joined_class(name: str, threshold: float | None) -> Classes:
    """Take the masks that a case has for each of its objects, together, for the one class."""
    return Classes({name: 1}, None, "the masks of a case's objects, joined", threshold=threshold)


def folder_classes(
    folders: Sequence[str], named: Classes | None, threshold: float | None = None, *, overlapping: bool = False
) -> Classes:
    """Take folders of masks for classes, in the order of a TOML file where there is one.

    Raises:
        SegkitError: the file and the folders name different classes, or it joins classes of values.
    """
    several = overlapping and len(folders) > 1
    if named is None:
        values = {name: label for label, name in enumerate(folders, 1)}
        source = f"one folder of masks per class{', which overlap' if several else ''}"
        return Classes(values, None, source, threshold=threshold, overlapping=several)
    if named.unions is not None:
        raise SegkitError(
            f"{FILE} joins classes of values, and the masks have a folder for each class",
            f"name the folders in {FILE}, each once, or give label images",
        )
    if set(named.names) != set(folders):
        odd = sorted(set(named.names) ^ set(folders))[0]
        where = "masks have a folder" if odd in folders else f"{FILE} names"
        raise SegkitError(f"{where} {odd!r}, and the other does not", f"name the folders of masks in {FILE}, each once")
    values = {name: label for label, name in enumerate(named.names, 1)}
    source = f"folders, order {named.source}{', which overlap' if several else ''}"
    return Classes(values, None, source, threshold=threshold, overlapping=several)
