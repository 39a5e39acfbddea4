"""Which files are predicted, and what their results are called."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segkit.errors import SegkitError

WILD = "*?["


@dataclass(frozen=True)
class Input:
    """One file to predict.

    Attributes:
        name: what its results are called, without an ending; no two inputs share one.
    """

    path: Path
    name: str


def find_inputs(texts: Sequence[str], suffixes: Iterable[str]) -> tuple[list[Input], int]:
    """Find the files that are meant: files, folders with all below them, and patterns such as "images/*.jpg".

    Files named one by one are taken whatever they are called; of a folder those with a known ending, hidden ones left
    out.

    Returns:
        The inputs in the order given, folders sorted, each file once; and how many files of folders have other endings.

    Raises:
        SegkitError: a folder or pattern holds nothing, or a file is not there.
    """
    known = tuple(suffixes)
    paths: dict[Path, Path] = {}
    others = 0
    for text in texts:
        found, left_out = expand(text, known)
        others += left_out
        for path in found:
            paths.setdefault(path.resolve(), path)
    return [
        Input(path, name) for path, name in zip(paths.values(), names(list(paths.values()), known), strict=True)
    ], others


def expand(text: str, known: tuple[str, ...]) -> tuple[list[Path], int]:
    """Return the files that one argument means, and how many of a folder were left out."""
    path = Path(text)
    if path.is_file():
        return [path], 0
    if path.is_dir():
        below = [file for file in sorted(path.rglob("*")) if file.is_file() and not hidden(file.relative_to(path))]
        wanted = [file for file in below if file.name.lower().endswith(known)]
        if not wanted:
            raise SegkitError(f"folder {path} holds no image", f"what is read: {', '.join(dict.fromkeys(known))}")
        return wanted, len(below) - len(wanted)
    if any(letter in text for letter in WILD):
        # Path.glob takes no absolute pattern.
        matched = sorted(file for file in map(Path, glob.glob(text, recursive=True)) if file.is_file())  # noqa: PTH207
        if not matched:
            raise SegkitError(f"no file is called like {text!r}", "check the pattern")
        return matched, 0
    raise SegkitError(f"{path} does not exist", "check the path")


def hidden(path: Path) -> bool:
    """Whether a path, or a folder on the way, begins with a dot."""
    return any(part.startswith(".") for part in path.parts)


def names(paths: Sequence[Path], known: Iterable[str]) -> list[str]:
    """Name the results: by the file's stem; where several share it with the folder before, then with the ending too."""
    endings = sorted(known, key=len, reverse=True)

    def stem(path: Path) -> str:
        ending = next((ending for ending in endings if path.name.lower().endswith(ending)), path.suffix)
        return path.name[: len(path.name) - len(ending)] or path.name

    def with_folder(path: Path) -> str:
        folder = path.resolve().parent.name
        return f"{folder}-{stem(path)}" if folder else stem(path)

    def with_ending(path: Path) -> str:
        return f"{with_folder(path)}-{path.name[len(stem(path)) :].strip('.').replace('.', '-')}"

    return distinct(paths, [stem, with_folder, with_ending])


def distinct(paths: Sequence[Path], ways: Sequence[Callable[[Path], str]]) -> list[str]:
    """Return for each path the first way's name that it shares with nobody; else the last one's with a number."""
    chosen = [ways[0](path) for path in paths]
    for way in ways[1:]:
        times = Counter(name.casefold() for name in chosen)
        chosen = [way(path) if times[name.casefold()] > 1 else name for path, name in zip(paths, chosen, strict=True)]
    taken: set[str] = set()
    for index, name in enumerate(chosen):
        number, numbered = 2, name
        while numbered.casefold() in taken:
            numbered, number = f"{name}-{number}", number + 1
        taken.add(numbered.casefold())
        chosen[index] = numbered
    return chosen
