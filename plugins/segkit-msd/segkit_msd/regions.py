"""The regions of nnU-Net's dataset.json: classes that are made of several labels, "whole tumor": [1, 2, 3]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segkit import SegkitError
from segkit.data.unions import Unions

EXAMPLE = 'as in "labels": {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [2, 3], "enhancing": 3}'


@dataclass(frozen=True)
class Regions:
    """What is made of what.

    Attributes:
        unions: the classes.
        labels: a table of single labels, as there would be without regions; ignored ones too.
    """

    unions: Unions
    labels: Mapping[str, int]


def read_regions(labels: Any) -> Regions | None:
    """Read "labels" where one is a list; None where none is.

    Raises:
        SegkitError: a region is made of nothing or of what is no label.
    """
    if not isinstance(labels, dict) or not any(isinstance(value, list) for value in labels.values()):
        return None
    members: dict[str, tuple[int, ...]] = {}
    single: dict[str, int] = {}
    for name, value in labels.items():
        listed = value if isinstance(value, list) else [value]
        if not listed or not all(type(label) is int and label >= 0 for label in listed):
            raise SegkitError(f"dataset.json: the class {name!r} is made of {value!r}, not of labels", EXAMPLE)
        if len({*listed}) < len(listed):
            raise SegkitError(f"dataset.json: the class {name!r} names a label twice: {value!r}", "name each once")
        if name.casefold() in ("background", "ignore"):
            single[name] = int(listed[0])
        elif 0 in listed:
            raise SegkitError(f"dataset.json: the class {name!r} is made of the background 0 too", EXAMPLE)
        else:
            members[name.strip()] = tuple(listed)
    if not members:
        raise SegkitError("dataset.json names no class", EXAMPLE)
    single |= {
        f"label {label}": label for label in sorted({label for made_of in members.values() for label in made_of})
    }
    return Regions(Unions(members), single)
