"""Every file under a data root ends as used, as left out with its reason, or as an error (issue 18)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segkit.data.archives import FOLDER
from segkit.data.case import Case, Problem
from segkit.data.dataset import DatasetReader
from segkit.data.roots import MARKER

LITTER_FOLDERS = frozenset(
    [
        *("@eadir", "#recycle", "@recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found"),
        *("__macosx", "__pycache__", "found.000", "recycler", "@tmp", "@sharebin"),
    ]
)
LITTER_FILES = frozenset(("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini"))
HALF = ("~", ".tmp", ".part", ".partial", ".crdownload", ".download", ".swp")
"""How the names of files end that somebody has not finished writing, or has written over."""
LITTER = "litter of a file system or program"
NO_CASE = "of no case"
OWN = frozenset((MARKER, FOLDER))


@dataclass(frozen=True)
class Inventory:
    """The files under a root.

    Attributes:
        used: those of cases, and those that say how the data are to be read; relative to the root.
        left_out: with the reason of each.
        errors: with what is wrong.
    """

    used: tuple[str, ...]
    left_out: tuple[Problem, ...]
    errors: tuple[Problem, ...]

    def reasons(self) -> list[tuple[str, int, str]]:
        """Return each reason of leaving out, how many files have it and the first of them, the most frequent first."""
        times = Counter(problem.reason for problem in self.left_out)
        first = {problem.reason: problem.file for problem in reversed(self.left_out)}
        return [(reason, count, first[reason]) for reason, count in times.most_common()]

    def sentence(self) -> str:
        """Say in one line what is left out; empty where nothing is."""
        if not self.left_out:
            return ""
        count = "1 file" if len(self.left_out) == 1 else f"{len(self.left_out)} files"
        told = [f"{reason}: {count} (such as {first})" for reason, count, first in self.reasons()[:2]]
        more = "; ..." if len(self.reasons()) > 2 else ""
        return f"left out under the data root: {count}: {'; '.join(told)}{more}"


def take_inventory(
    root: Path,
    cases: Iterable[Case],
    errors: Sequence[Problem] = (),
    *,
    describing: Iterable[Path] = (),
    reasons: Mapping[Path, str] | None = None,
) -> Inventory:
    """Account for every file under a root, segkit's own records apart.

    Args:
        errors: files that cannot be used; those named here are not counted as used.
        describing: files that are no case's, but say how the data are to be read.
        reasons: why a reader left a file out, where it knows better than its name says.
    """
    named = {path.absolute() for path in describing}
    named |= {path.absolute() for case in cases for path in case.files}
    told = {path.absolute(): reason for path, reason in (reasons or {}).items()}
    wrong = {problem.file for problem in errors}
    used, left_out = [], []
    for path in files_below(root):
        file = shown(path.relative_to(root))
        if file in wrong:
            continue
        absolute = path.absolute()
        if absolute in named or not named.isdisjoint(absolute.parents):
            used.append(file)
        else:
            reason = told.get(absolute) or (LITTER if any(map(is_litter, path.relative_to(root).parts)) else NO_CASE)
            left_out.append(Problem(file, reason))
    return Inventory(tuple(used), tuple(left_out), tuple(errors))


def inventory_of(reader: DatasetReader, cases: Iterable[Case], root: Path, errors: Sequence[Problem] = ()) -> Inventory:
    """Account for the files under a dataset's root, with what its reader says of those that are no case's."""
    described: dict[str, Any] = {
        "describing": getattr(reader, "describing", ()),
        "reasons": getattr(reader, "left_out", {}),
    }
    roots: Mapping[str, Path] = getattr(reader, "roots", {})
    if not roots:
        return take_inventory(root, cases, errors, **described)
    cases = list(cases)
    used: list[str] = []
    left_out: list[Problem] = []
    for name, own in roots.items():  # several datasets: a file is told after its dataset
        found = take_inventory(own, cases, **described)
        used += [f"{name}: {file}" for file in found.used]
        left_out += [replace(one, file=f"{name}: {one.file}") for one in found.left_out]
    return Inventory(tuple(used), tuple(left_out), tuple(errors))


def files_below(root: Path) -> Iterator[Path]:
    """Yield every file below a folder in order, segkit's own records left out."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in OWN)
        yield from (Path(folder, name) for name in sorted(files) if name not in OWN)


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name is what file systems and programs leave behind, or hidden."""
    low = name.lower()
    return name.startswith((".", "~$")) or low in LITTER_FOLDERS or low in LITTER_FILES or low.endswith(HALF)


def shown(path: Path) -> str:
    """Write a path for people: what is not UTF-8 in it is escaped."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def is_text(name: str) -> bool:
    """Whether a name can be written: one that is not UTF-8 would stop the run where its results are written."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
