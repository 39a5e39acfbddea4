"""Which files are predicted, which of them are one image, and what their results are called."""

from __future__ import annotations

import glob
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segkit.data.inventory import shown
from segkit.data.opening import Opener
from segkit.errors import SegkitError, one_line
from segkit.files import real
from segkit.jobs.predict.walk import OURS, Written, images_below

WILD = "*?["
LONGEST = 230
"""Bytes of a result's name without its ending and a number: file systems take 255."""


@dataclass(frozen=True)
class Input:
    """One image to predict.

    Attributes:
        files: what it is read from, one file, or one per channel.
        name: what its results are called, without an ending; no two inputs share one.
    """

    files: tuple[Path, ...]
    name: str

    @property
    def path(self) -> Path:
        """The first file, whose grid and form the results take."""
        return self.files[0]

    @property
    def label(self) -> str:
        """What messages and tables call it: the file, or of several the case."""
        return one_line(shown(Path(self.path.name))) if len(self.files) == 1 else self.name


@dataclass(frozen=True)
class Inputs:
    """What is to be predicted.

    Attributes:
        left_out: how many files of folders and patterns are not, by reason.
    """

    items: list[Input]
    left_out: Counter[str]


def find_inputs(texts: Sequence[str], opener: Opener, channels: int, spatial_dims: int | None = None) -> Inputs:
    """Find the images that are meant: files, folders with all below them, and patterns such as "images/*.jpg".

    Files named one by one are taken whatever they are called, but for segkit's own label maps; of a folder those with a
    known ending.

    Args:
        channels: of an image, as the model takes it: files of one channel each are then one image.
        spatial_dims: of an image, 2 for photographs: of folders files of the other kind are left out; None: of either.

    Returns:
        The images in the order given, folders sorted, each file once.

    Raises:
        SegkitError: a folder or pattern holds nothing, or a file is not there.
    """
    known = tuple(opener.suffixes(spatial_dims))
    paths: dict[Path, Path] = {}
    left_out: Counter[str] = Counter()
    written = Written()
    for text in texts:
        found, others = expand(text, known, written, lambda path: opener.is_image(path, spatial_dims))
        left_out += others
        for path in found:
            place = real(path)
            if place not in paths or paths[place].is_symlink():  # a file's own name, not that of a link beside it
                paths[place] = path
    if not paths:
        raise SegkitError("all that was named is what segkit wrote earlier", "name the images")
    images = opener.gather(list(paths.values()), channels)
    chosen = names([files[0] for _, files in images], known, [stem for stem, _ in images])
    return Inputs([Input(files, name) for (_, files), name in zip(images, chosen, strict=True)], left_out)


def expand(
    text: str, known: tuple[str, ...], written: Written, is_image: Callable[[Path], bool]
) -> tuple[list[Path], Counter[str]]:
    """Return the files, or folders that are images, that one argument means, and how many were left out, by reason."""
    path = Path(text)
    if path.is_dir() and not is_image(path):
        found, left_out = images_below(path, known, written, is_image)
        if not found:
            others = f", only {counted(left_out)}" if left_out else ""
            raise SegkitError(
                f"folder {path} holds no image{others}", f"what is read: {', '.join(dict.fromkeys(known))}"
            )
        return found, left_out
    if path.exists():
        matched = [path]
    elif any(letter in text for letter in WILD):
        # Path.glob takes no absolute pattern. Brackets that match nothing are signs of a name: scan[1]/*.png.
        named = glob.glob(text, recursive=True) or glob.glob(text.replace("[", "[[]"), recursive=True)  # noqa: PTH207
        matched = sorted(path for path in map(Path, named) if path.is_file() or is_image(path))
        if not matched:
            raise SegkitError(f"no file is called like {text!r}", "check the pattern")
    else:
        raise SegkitError(f"{path} does not exist", "check the path")
    kept = [file for file in matched if file not in written]
    return kept, Counter({OURS: len(matched) - len(kept)}) if len(kept) < len(matched) else Counter()


def counted(left_out: Mapping[str, int]) -> str:
    """Say how many files were left out for which reasons: "1 file hidden, 3 files of another kind"."""
    return ", ".join(f"{count} file{'s' * (count > 1)} {reason}" for reason, count in sorted(left_out.items()))


def names(paths: Sequence[Path], known: Iterable[str], cases: Sequence[str | None]) -> list[str]:
    """Name the results: by the case or the file's stem; where several share it with the folder before, then the ending.

    Args:
        cases: what the format calls each image; None: as its file.
    """
    endings = sorted(known, key=len, reverse=True)
    called = dict(zip(paths, cases, strict=True))

    def stem(path: Path) -> str:
        ending = next((ending for ending in endings if path.name.lower().endswith(ending)), path.suffix)
        return called[path] or path.name[: len(path.name) - len(ending)] or path.name

    def with_folder(path: Path) -> str:
        folder = real(path).parent.name
        return f"{folder}-{stem(path)}" if folder else stem(path)

    def with_ending(path: Path) -> str:
        own = path.name[: len(path.name) - len(path.suffix)] if called[path] else stem(path)
        return f"{with_folder(path)}-{path.name[len(own) :].strip('.').replace('.', '-')}"

    def writably(way: Callable[[Path], str]) -> Callable[[Path], str]:
        return lambda path: writable(way(path))

    return distinct(paths, list(map(writably, (stem, with_folder, with_ending))))


def writable(name: str) -> str:
    """Return a name that any file system takes with an ending behind it, the same name each time.

    What is no character (a byte that is not UTF-8) or cannot be printed becomes "_"; a name that is too long is cut.
    """
    printable = "".join(sign if sign.isprintable() else "_" for sign in name)
    encoded = printable.encode()
    if len(encoded) <= LONGEST:
        return printable
    mark = hashlib.sha256(encoded).hexdigest()[:8]
    return f"{encoded[: LONGEST - len(mark) - 1].decode(errors='ignore')}-{mark}"


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
