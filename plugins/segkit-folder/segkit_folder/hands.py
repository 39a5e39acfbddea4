"""Several masks of one case, drawn by several readers into folders of their own: masks/reader1, masks/reader2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from segkit import IGNORE, Case, SegkitError
from segkit_folder.pairing import Found, Pair


def as_readers(found: Found) -> Found:
    """Take folders of masks for readers, not for classes: each case's masks are label images of the same thing.

    Raises:
        SegkitError: there are no such folders.
    """
    if len(found.class_folders) < 2:
        raise SegkitError(
            "data.readers: the masks do not lie in a folder for each reader",
            "lay them out as masks/reader1, masks/reader2, or leave out data.readers",
        )
    pairs = [
        replace(pair, masks={"": tuple(path for paths in pair.masks.values() for path in paths)})
        for pair in found.pairs
    ]
    return replace(found, pairs=pairs, class_folders=())


def majority(labels: Sequence[np.ndarray]) -> np.ndarray:
    """Return at each pixel the label that most readers gave; of equal votes that of the reader who comes first.

    A reader who ignores a pixel has no vote; where all do it is ignored.
    """
    if len(labels) == 1:
        return labels[0]
    best = np.full(labels[0].shape, IGNORE, np.uint8)
    votes = np.zeros(labels[0].shape, np.uint8)
    for one in labels:
        given = np.sum([other == one for other in labels], axis=0, dtype=np.uint8) * (one != IGNORE)
        more = given > votes
        best[more], votes[more] = one[more], given[more]
    return best


def by_reader(pair: Pair) -> dict[str, Path]:
    """Return the masks of an image by the names of their readers' folders, numbered where these are one name."""
    paths = pair.masks.get("", ())
    names = [path.parent.name for path in paths]
    if len({*names}) < len(names):
        names = [f"reader{number}" for number in range(1, len(names) + 1)]
    return dict(zip(names, paths, strict=True))


def readings(cases: Sequence[Case], pairs: Mapping[str, Pair]) -> list[Case]:
    """Return a case for each reader's drawing of the images that several drew; they are of one patient."""
    found: list[Case] = []
    for case in cases:
        drawn = by_reader(pairs[case.id])
        if len(drawn) < 2:
            found.append(case)
            continue
        others = tuple(path for path in case.files if path not in drawn.values())
        for name, path in drawn.items():
            one = replace(case, id=f"{case.id}@{name}", files=(*others, path), reading_of=case.id)
            found.append(replace(one, group=case.group or case.id))
    return found
