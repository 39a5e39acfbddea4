"""The files below a data root, and which of them a written name means."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from segkit import SegkitError
from segkit.data.image_files import SUFFIXES
from segkit.data.inventory import OWN, is_litter, is_text
from segkit.data.naming import SPLITS
from segkit.files import is_file, is_folder
from segkit_coco import faults
from segkit_folder.listing import composed
from segkit_nifti.problems import Fault


class Tree:
    """All files below a folder, but hidden ones and what file systems leave behind.

    Attributes:
        files: relative to the root, sorted.

    Raises:
        SegkitError: a folder cannot be listed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = sorted(walk(root))
        self._named: dict[str, list[PurePosixPath]] = {}
        for file in self.files:
            self._named.setdefault(composed(file.name), []).append(file)

    @property
    def images(self) -> list[PurePosixPath]:
        """Those that are photographs by their suffix."""
        return [file for file in self.files if file.name.lower().endswith(SUFFIXES)]

    def find(
        self, written: str, near: Sequence[PurePosixPath], split: str | None
    ) -> tuple[PurePosixPath | None, Fault | None]:
        """Return the file that a written name means, or why there is none.

        It is looked for below the folders of `near`, in order, then anywhere by its last parts, where those name one
        file, or one in a folder called like the split.
        """
        parts = parts_of(written)
        if parts is None:
            return None, faults.OUTSIDE
        fitting = [file for file in self._named.get(parts[-1], ()) if ends_with(file, parts)]
        for folder in near:
            wanted = tuple(composed(part) for part in folder.parts) + parts
            exact = [file for file in fitting if tuple(composed(part) for part in file.parts) == wanted]
            if len(exact) == 1:
                return exact[0], None
        if len(fitting) > 1 and split is not None:
            fitting = [file for file in fitting if split in map(split_named, file.parts[:-1])] or fitting
        if len(fitting) == 1:
            return fitting[0], None
        return None, faults.SEVERAL if fitting else faults.GONE


def walk(root: Path) -> Iterator[PurePosixPath]:
    """Yield the files below a folder, through links to folders too, each folder once."""
    waiting = [(root, PurePosixPath())]
    seen: set[str] = set()
    while waiting:
        folder, relative = waiting.pop()
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_litter(entry.name) or entry.name in OWN:
                        continue
                    if is_folder(entry):
                        waiting.append((folder / entry.name, relative / entry.name))
                    elif is_file(entry):
                        yield relative / entry.name
        except OSError as error:
            raise SegkitError(f"{folder} cannot be listed: {error.strerror}", "check its permissions") from None


def parts_of(written: str) -> tuple[str, ...] | None:
    """Return the parts of a file's name as a file has it, written with / or \\; None where it leads out of a folder."""
    windows = PureWindowsPath(written)
    parts = tuple(composed(part) for part in windows.parts if part != ".")
    return None if windows.anchor or ".." in parts or not parts else parts


def ends_with(file: PurePosixPath, parts: Sequence[str]) -> bool:
    """Whether a file's path ends with some parts, however its letters are composed."""
    return tuple(composed(part) for part in file.parts[-len(parts) :]) == tuple(parts)


def split_named(word: str) -> str | None:
    """Return the split that a folder's or file's name has among its words, as train2017 has; None where it has none."""
    letters = "".join(letter if letter.isalpha() else " " for letter in word.lower())
    found = {split for split, names in SPLITS.items() if not {*letters.split()}.isdisjoint(names)}
    return found.pop() if len(found) == 1 else None


def is_case_name(name: str) -> bool:
    """Whether a file's name can name files of a run: it has no control characters and can be written in UTF-8."""
    return is_text(name) and not any(ord(letter) < 32 for letter in name)


def case_ids(files: Sequence[PurePosixPath]) -> list[str]:
    """Return an id for each file: its stem where no other has it, else its whole path."""
    for form in (
        lambda file: file.stem,
        lambda file: "_".join(file.with_suffix("").parts),
        lambda file: "_".join(file.parts),
    ):
        ids = [form(file) for file in files]
        if len({id.casefold() for id in ids}) == len(ids):
            return ids
    return ids
