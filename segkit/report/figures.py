"""The folder of a page's figures: nothing is removed from it but what an earlier page wrote there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segkit.errors import SegkitError
from segkit.files import is_inside, own_folder, read_json, write_json, write_whole
from segkit.rundir.names import FIGURES

WRITTEN = "written.json"
"""Which files of the folder are a page's: all others are somebody else's and stay."""
SHAPE = {"files": [str]}
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]+")
LONGEST = 120


class Figures:
    """Writes PNG files into figures/.

    Attributes:
        written: the names of those that the page has.
    """

    def __init__(self, parent: Path) -> None:
        self.folder = own_folder(parent, FIGURES)
        self.written: list[str] = []

    def write(self, stem: str, content: bytes) -> None:
        """Write one figure; signs that lead into other folders or that no file system takes become hyphens."""
        name = f"{NOT_IN_A_NAME.sub('-', stem).strip('-')[:LONGEST]}.png"
        if name in self.written:  # two metrics whose names differ in such signs only
            name = f"{len(self.written)}-{name}"
        write_whole(self.folder / name, lambda stream: stream.write(content))
        self.written.append(name)


@contextmanager
def figures_of(parent: Path) -> Iterator[Figures]:
    """Write a page's figures; those of the page before that it does not have go.

    Raises:
        SegkitError: `figures` is a link that leads elsewhere, or the disk is full or refuses.
    """
    figures = Figures(parent)
    before = recorded(figures.folder)
    yield figures
    write_json(figures.folder / WRITTEN, {"files": sorted(figures.written)})
    for name in before:
        if name not in figures.written:
            (figures.folder / name).unlink(missing_ok=True)


def recorded(folder: Path) -> list[str]:
    """Return the names of the files that an earlier page wrote, as they were recorded; none where that is damaged."""
    try:
        names = read_json(folder / WRITTEN, SHAPE, absent='{"files": []}')["files"]
    except SegkitError:
        return []  # nothing is known to be ours
    plain = [name for name in names if name.endswith(".png") and Path(name).name == name]
    return [name for name in plain if (folder / name).is_file() and is_inside(folder, folder / name)]
