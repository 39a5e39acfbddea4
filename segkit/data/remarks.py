"""What people must know of how files were read, though they can be used: told once for all files it concerns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segkit.data.dataset import DatasetReader


@dataclass(frozen=True)
class Remark:
    """Something to know about one file.

    Attributes:
        kind: equal for files of which the same is to be said.
        text: to be read after the file's name, such as "has neither sform nor qform: ...".
    """

    kind: str
    text: str


def remarks_of(reader: DatasetReader) -> list[str]:
    """Return what a dataset's reader has to tell; nothing where it tells nothing."""
    return [str(sentence) for sentence in getattr(reader, "remarks", tuple)()]


def sentences(remarks: Iterable[tuple[str, Remark]]) -> list[str]:
    """Make one sentence of each kind: the first file it is about, what is to be known, and how many more files are so.

    Args:
        remarks: file and remark, in the order of the files.
    """
    found: dict[str, list[tuple[str, Remark]]] = {}
    for file, remark in remarks:
        found.setdefault(remark.kind, []).append((file, remark))
    return [f"{files[0][0]} {files[0][1].text}{_more(files)}" for files in found.values()]


def _more(files: list[tuple[str, Remark]]) -> str:
    others = len({file for file, _ in files}) - 1
    return (
        ""
        if not others
        else f" (so in 1 more file: {files[-1][0]})"
        if others == 1
        else f" (so in {others} more files)"
    )
