"""What a case is read from: a file, or a folder with all in it, as DICOM series and zarr arrays are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segkit.files import open_regular


def files_of(path: Path) -> Iterator[Path]:
    """Yield a file itself, or every file of a folder in order."""
    if not path.is_dir():
        yield path
        return
    for folder, folders, files in os.walk(path):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(files))


def bytes_of(path: Path) -> int:
    """Return the length of a file, or of all files of a folder together."""
    return sum(file.stat().st_size for file in files_of(path))


def state_of(path: Path) -> list[Any]:
    """Return what tells that a file is still the same without reading it: its size and time; of a folder all of them.

    Raises:
        OSError: it is not there.
    """
    found = path.stat()
    if not path.is_dir():
        return [found.st_size, found.st_mtime_ns]
    return [[file.relative_to(path).as_posix(), *state_of(file)] for file in files_of(path)]


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content; of a folder over the names and contents of its files.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_dir():
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file in files_of(path):
        whole.update(f"{os.fsencode(file.relative_to(path).as_posix()).hex()} {content_hash(file)}\n".encode())
    return whole.hexdigest()
