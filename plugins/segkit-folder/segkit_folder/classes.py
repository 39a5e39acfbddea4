"""Which value in a mask is which class: named by a small TOML file, or found in the masks."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segkit import IGNORE, SegkitError
from segkit_nifti.problems import UnusableFileError

FILE = "classes.toml"
EXAMPLE = 'such as: classes = {lesion = 1, hair = 2}, or classes = ["lesion", "hair"], and ignore = 255'
MOST = 254
MOST_FOUND = 40
"""More values than this are no labels: a photograph or a probability map."""


@dataclass(frozen=True)
class Classes:
    """The classes, and the values that masks hold for them.

    Attributes:
        values: by class name, in label order.
        ignore: the value of pixels that count for nothing.
        source: how they came to be known, in words.
    """

    values: Mapping[str, int]
    ignore: int | None
    source: str

    @property
    def names(self) -> tuple[str, ...]:
        """In label order."""
        return tuple(self.values)

    def to_labels(self, values: np.ndarray, name: str) -> np.ndarray:
        """Turn a mask's values into labels, uint8; raises UnusableFileError where a value is of no class."""
        found, places = np.unique(values, return_inverse=True)
        known = {0: 0, **{value: label for label, value in enumerate(self.values.values(), 1)}}
        if self.ignore is not None:
            known[self.ignore] = IGNORE
        unknown = [int(value) for value in found if int(value) not in known]
        if unknown:
            listed = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
            raise UnusableFileError(
                name, f"has values of no class: {listed}", f"name them in {FILE}, {EXAMPLE}, or mend the mask"
            )
        labels = np.array([known[int(value)] for value in found], np.uint8)
        return labels[places].reshape(values.shape)

    def describe(self) -> str:
        """Names and values in words: "1 lesion (value 255)"."""
        told = [
            f"{label} {name}" + (f" (value {value})" if value != label else "")
            for label, (name, value) in enumerate(self.values.items(), 1)
        ]
        told += [f"value {self.ignore} is ignored"] if self.ignore is not None else []
        return ", ".join(told) + f"; {self.source}"


def read_classes(path: Path) -> Classes:
    """Read a TOML file that names classes.

    `classes` is a list, whose first name has value 1, or a table of values by name; `ignore` is a value.

    Raises:
        SegkitError: it cannot be read, or names no classes, or gives a value twice.
    """
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise SegkitError(f"{path.name} cannot be read: {error.strerror}", "check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SegkitError(f"{path.name} is no TOML: {error}", EXAMPLE) from None
    unknown = sorted(set(content) - {"classes", "ignore"})
    if unknown:
        raise SegkitError(f"{path.name} has the unknown entry {unknown[0]!r}", EXAMPLE)
    classes, ignore = content.get("classes"), content.get("ignore")
    if isinstance(classes, list) and all(isinstance(name, str) for name in classes):
        classes = {name: value for value, name in enumerate(classes, 1)} if len({*classes}) == len(classes) else None
    if not isinstance(classes, dict) or not classes or not all(name.strip() for name in classes):
        raise SegkitError(f"{path.name} names no classes, each once", EXAMPLE)
    values = [*classes.values(), *([] if ignore is None else [ignore])]
    if not all(isinstance(value, int) and not isinstance(value, bool) and value > 0 for value in values):
        raise SegkitError(f"{path.name} gives a class a value that is no number from 1 on", EXAMPLE)
    if len(set(values)) < len(values) or len(classes) > MOST:
        raise SegkitError(f"{path.name} gives one value to two classes", EXAMPLE)
    return Classes(dict(classes), ignore, f"from {path.name}")


def found_classes(masks: Iterable[tuple[str, np.ndarray]]) -> Classes:
    """Take every value that masks hold for a class; one alone, such as 255, is called foreground.

    Raises:
        UnusableFileError: a mask holds so many values that they are no labels, or negative ones.
        SegkitError: all masks are empty.
    """
    found: set[int] = set()
    looked_at = 0
    for name, values in masks:
        looked_at += 1
        found |= {int(value) for value in np.unique(values)}
        if min(found) < 0 or len(found) > MOST_FOUND:
            wrong = "negative values" if min(found) < 0 else f"{len(found)} different values (a photograph?)"
            raise UnusableFileError(name, f"has {wrong}", f"name the classes in {FILE}, {EXAMPLE}")
    labels = sorted(found - {0})
    if not labels:
        raise SegkitError(f"all {looked_at} masks are empty", f"check them, or name the classes in {FILE}, {EXAMPLE}")
    source = f"found in {looked_at} masks (name them in {FILE})"
    if len(labels) == 1:
        return Classes({"foreground": labels[0]}, None, source)
    return Classes({f"class-{value}": value for value in labels}, None, source)


def folder_classes(folders: Sequence[str], named: Classes | None) -> Classes:
    """Take folders of masks for classes, in the order of a TOML file where there is one.

    Raises:
        SegkitError: the file and the folders name different classes.
    """
    if named is None:
        return Classes({name: label for label, name in enumerate(folders, 1)}, None, "one folder of masks per class")
    if set(named.names) != set(folders):
        odd = sorted(set(named.names) ^ set(folders))[0]
        where = "masks have a folder" if odd in folders else f"{FILE} names"
        raise SegkitError(f"{where} {odd!r}, and the other does not", f"name the folders of masks in {FILE}, each once")
    return Classes({name: label for label, name in enumerate(named.names, 1)}, None, f"folders, order {named.source}")
