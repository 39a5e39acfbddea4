"""Unpack a zip archive from a stranger: nothing outside its folder, no links, no bombs, whole or not at all."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from segkit.data.download import BLOCK, Progress
from segkit.data.folders import writing
from segkit.errors import SegkitError
from segkit.files import bytes_text, check_room, open_regular

MOST_ENTRIES = 1_000_000
LARGEST_RATIO = 100
"""Unpacked bytes per byte of the archive; pictures are near 1, label maps of volumes reach some dozens."""
ALWAYS_ALLOWED = 64 << 20
"""Bytes that even a small archive may unpack to."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ODD_PART = re.compile(r"[\x00-\x1f\x7f:*?\"<>|\\]|[. ]\Z|(?i:(con|prn|aux|nul|com\d|lpt\d)(\.|\Z))")
"""What no file name may hold on one system or another."""
LEFT_OUT = "__MACOSX/"
"""Where macOS keeps what it knows about the files beside it."""
BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError, KeyError)
UNSAFE = "do not unpack it by other means either; fetch it from its official place"
DAMAGED = "fetch it again"


@dataclass(frozen=True)
class Unpacked:
    """One file that came out of an archive."""

    bytes: int
    sha256: str


class BadArchiveError(SegkitError):
    """An archive that is damaged or that asks for what is not safe."""


def unpack(archive: Path, folder: Path, progress: Progress, *, damaged: list[str] | None = None) -> dict[str, Unpacked]:
    """Unpack a zip archive into the new folder `folder`, checking each file against the archive's checksum.

    Args:
        damaged: takes the entries whose content is damaged, which are then left out; None: they are an error.

    Returns:
        What was written, by path relative to `folder` with "/" between the parts.

    Raises:
        BadArchiveError: it is no zip archive, damaged, encrypted, or has entries that lead outside `folder`, are links
            or devices, have names that some system cannot write, or unpack to far more than the archive's size.
        SegkitError: the disk is full.

    Where it raises, `folder` is removed again.
    """
    name = archive.name
    with writing(f"what {name} holds", folder):
        folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = checked_entries(opened.infolist(), name, archive.stat().st_size)
            total = sum(entry.file_size for entry in entries)
            check_room(total, folder, f"unpacking {name}")
            return _write(opened, entries, folder, lambda done: progress(f"unpacking {name}", done, total), damaged)
    except (*BROKEN_ARCHIVE, NotImplementedError, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadArchiveError(f"{name} {_what_is_wrong(archive, error)}", DAMAGED) from error
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SegkitError(
            f"{name} cannot be unpacked in {folder}: {error.strerror or error}", "free some space, or check permissions"
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def checked_entries(entries: Sequence[zipfile.ZipInfo], archive: str, archive_bytes: int) -> list[zipfile.ZipInfo]:
    """Return the files of an archive; raises BadArchiveError where any entry is not safe to write."""
    if len(entries) > MOST_ENTRIES:
        raise BadArchiveError(f"{archive} has {len(entries):,} entries, at most {MOST_ENTRIES:,} are unpacked", UNSAFE)
    kept = [entry for entry in entries if not entry.orig_filename.startswith(LEFT_OUT)]
    for entry in kept:
        problem = _problem_of(entry)
        if problem:
            raise BadArchiveError(f"{archive}: its entry {_shown(entry.orig_filename)} {problem}", UNSAFE)
    files = [entry for entry in kept if not entry.is_dir()]
    total = sum(entry.file_size for entry in files)
    allowed = max(ALWAYS_ALLOWED, LARGEST_RATIO * archive_bytes)
    if total > allowed:
        raise BadArchiveError(
            f"{archive} of {bytes_text(archive_bytes)} would unpack to {bytes_text(total)}, "
            f"at most {bytes_text(allowed)} are unpacked",
            UNSAFE,
        )
    twice = next(_names_met_twice(files), None)
    if twice:
        raise BadArchiveError(f"{archive}: two of its entries would be written to {_shown(twice)}", UNSAFE)
    return files


def _problem_of(entry: zipfile.ZipInfo) -> str | None:
    """Say why an entry is not safe to write; None where it is."""
    # orig_filename: zipfile cuts `filename` at a NUL and turns the system's separators.
    path = entry.orig_filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    parts = path.removesuffix("/").split("/")
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path):
        return "has an absolute path"
    if ".." in re.split(r"[/\\]", path):
        return "leads outside its folder"
    if any(part in ("", ".") or ODD_PART.search(part) for part in parts):
        return "has a name that cannot be written on every system"
    if kind == stat.S_IFLNK:
        return "is a link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is neither a file nor a folder"
    if entry.is_dir() != (kind == stat.S_IFDIR) and kind != 0:
        return "is a folder by its name or by its kind, but not by both"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in METHODS:
        return f"is packed by a method (number {entry.compress_type}) that is not unpacked here"
    if entry.is_dir() and entry.file_size:
        return "is a folder with content"
    return None


def _names_met_twice(files: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    """Yield paths that name one file twice, also where capitals do not count, or a file and a folder."""
    seen: set[str] = set()
    folders: set[str] = set()
    for entry in files:
        path = entry.orig_filename.casefold()
        above = path.split("/")[:-1]
        parents = {"/".join(above[: depth + 1]) for depth in range(len(above))}
        if path in seen or path in folders or parents & seen:
            yield entry.orig_filename
        seen.add(path)
        folders |= parents


def _write(
    opened: zipfile.ZipFile,
    entries: Sequence[zipfile.ZipInfo],
    folder: Path,
    tell: Callable[[int], None],
    damaged: list[str] | None,
) -> dict[str, Unpacked]:
    written: dict[str, Unpacked] = {}
    done = 0
    for entry in entries:
        path = folder.joinpath(*entry.orig_filename.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            written[entry.orig_filename] = _write_one(opened, entry, path, _after(done, tell))
        except BROKEN_ARCHIVE:
            if damaged is None:
                raise
            path.unlink(missing_ok=True)
            damaged.append(entry.orig_filename)
        done += entry.file_size
    return written


def _after(done: int, tell: Callable[[int], None]) -> Callable[[int], None]:
    return lambda size: tell(done + size)


def _write_one(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, tell: Callable[[int], None]) -> Unpacked:
    digest, size = hashlib.sha256(), 0
    with opened.open(entry) as source, path.open("xb") as target:
        while block := source.read(BLOCK):
            size += len(block)
            if size > entry.file_size:
                raise zipfile.BadZipFile(f"{entry.orig_filename} is longer than the archive says")
            target.write(block)
            digest.update(block)
            tell(size)
    if size != entry.file_size:
        raise zipfile.BadZipFile(f"{entry.orig_filename} is shorter than the archive says")
    return Unpacked(size, digest.hexdigest())


def _what_is_wrong(archive: Path, error: Exception) -> str:
    with open_regular(archive) as stream:
        start = stream.read(64)
    if start[:2] != b"PK":
        return f"is no zip archive (it begins with {start[:24].decode('latin-1')!r})" if start else "is empty"
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"is damaged or cut short ({reason})"


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 80 else name[:77] + "...")


def place(unpacked: Path, root: Path) -> None:
    """Move what was unpacked into `root`: whole folders in one step, and file by file into folders that are there."""
    if hasattr(os, "sync"):
        os.sync()  # a power cut must not leave empty files under names that are there
    for source in sorted(unpacked.iterdir()):
        _move(source, root / source.name)
    unpacked.rmdir()


def _move(source: Path, target: Path) -> None:
    if source.is_dir() and target.is_dir():
        for inner in sorted(source.iterdir()):
            _move(inner, target / inner.name)
        source.rmdir()
    else:
        source.replace(target)
