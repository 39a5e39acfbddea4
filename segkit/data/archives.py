"""Fetch and unpack the archives of a dataset, with a record of what they held."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segkit.data.download import Fetched, Progress, fetch, file_name
from segkit.data.folders import locked
from segkit.data.roots import MARKER
from segkit.data.unpack import BadArchiveError, Unpacked, place, unpack
from segkit.errors import SegkitError
from segkit.files import open_regular, parse_json, write_json

FOLDER = ".segkit-download"
"""In the data root: what is under way, and one record per archive."""
FORMAT = 1
logger = logging.getLogger("segkit")
ROOM = 2.1
"""An archive of pictures and what comes out of it."""


@dataclass(frozen=True)
class Record:
    """What an archive was when it was first fetched whole, and what came out of it by path relative to the root.

    Attributes:
        damaged: entries of the archive that could not be unpacked, where these are left out.
    """

    archive: str
    url: str
    bytes: int
    sha256: str
    files: dict[str, Unpacked]
    damaged: tuple[str, ...] = ()


def download_archives(
    urls: Sequence[str],
    root: Path,
    progress: Progress,
    *,
    leave_damaged: bool = False,
    known: Mapping[str, str] | None = None,
) -> None:
    """Fetch zip archives and unpack each into `root`; safe to kill at any moment and to call again.

    SHA-256 of the archives and of their files are recorded at the first download, and a later download of an archive
    is compared. An archive whose files are all there is not fetched again. Archives are removed once unpacked.

    Args:
        leave_damaged: leave out files whose content is damaged within an archive, name them in a warning and in the
            record; otherwise they are an error.
        known: by an archive's file name, the SHA-256 that its publisher gives: another content is never unpacked.

    Raises:
        SegkitError: the network, the disk, an archive that is unsafe, damaged or another than known or recorded, or a
            folder in the way that did not come from here.
    """
    if (root / MARKER).is_file():
        raise SegkitError(f"{root} holds a generated sample", "name another folder to download into")
    work = root / FOLDER
    try:
        work.mkdir(parents=True, exist_ok=True)
        with locked(work / "archives"):
            records = {record.archive: record for record in read_records(root)}
            for url in urls:
                _refuse_what_is_in_the_way(root, [Path(file_name(url)).stem], records.get(file_name(url)))
            for url in urls:
                name = file_name(url)
                _download_one(url, root, records.get(name), progress, leave_damaged, (known or {}).get(name))
    except OSError as error:
        raise SegkitError(
            f"nothing can be downloaded into {root}: {error.strerror or error}",
            "free some space, or name a folder you can write to with --data-root",
        ) from error


def _download_one(
    url: str, root: Path, record: Record | None, progress: Progress, leave_damaged: bool, known: str | None
) -> None:
    name = file_name(url)
    archive, unpacked = root / FOLDER / name, root / FOLDER / f"{name}.unpacking"
    shutil.rmtree(unpacked, ignore_errors=True)
    if record is not None and not archive.exists() and not missing_files(root, record):
        progress(f"{name} is there already", record.bytes, record.bytes)
        return
    fetched = fetch(url, archive, progress, room=ROOM)
    if known is not None and fetched.sha256 != known.lower():
        archive.unlink()
        raise SegkitError(
            f"{name} is not what its publisher gives: SHA-256 {fetched.sha256}, published {known.lower()}",
            "download again, from another mirror if there is one; nothing was unpacked",
        )
    if record is not None and fetched.sha256 != record.sha256:
        archive.unlink()
        raise SegkitError(
            f"{name} is not what it was at the first download: SHA-256 {fetched.sha256}, recorded {record.sha256}",
            f"if its publisher changed it, remove {FOLDER}/{name}.json and what was unpacked, and download again",
        )
    damaged: list[str] = []
    try:
        files = unpack(archive, unpacked, progress, damaged=damaged if leave_damaged else None)
    except BadArchiveError:
        archive.unlink()  # what was fetched is of no use: the next download begins anew
        raise
    _refuse_what_is_in_the_way(root, [path.name for path in unpacked.iterdir()], record)
    if damaged:
        count = "1 file is" if len(damaged) == 1 else f"{len(damaged)} files are"
        logger.warning("%s: %s damaged and left out: %s", name, count, ", ".join(damaged))
    write_record(root, url, fetched, files, damaged)
    place(unpacked, root)
    archive.unlink()


def _refuse_what_is_in_the_way(root: Path, names: Sequence[str], record: Record | None) -> None:
    """Raise SegkitError where `root` holds something of a name to be unpacked that did not come out of this archive."""
    for name in names:
        if record is None and (root / name).exists():
            raise SegkitError(
                f"{name} is in {root} already, and was not downloaded by segkit",
                "move it away, or download into another folder",
            )


def write_record(
    root: Path, url: str, fetched: Fetched, files: dict[str, Unpacked], damaged: Sequence[str] = ()
) -> None:
    """Record an archive and its files."""
    record = Record(fetched.path.name, url, fetched.bytes, fetched.sha256, files, tuple(damaged))
    write_json(root / FOLDER / f"{record.archive}.json", {"format": FORMAT, **asdict(record)})


def read_records(root: Path) -> list[Record]:
    """Return what was downloaded into `root`, by archive; raises SegkitError where a record cannot be read."""
    records = []
    for path in sorted((root / FOLDER).glob("*.json")):
        if path.name.endswith(".part.json"):
            continue
        try:
            with open_regular(path) as stream:
                records.append(_record(parse_json(stream.read())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SegkitError(
                f"the record {FOLDER}/{path.name} of a download cannot be read: {error}",
                "remove it and what came out of that archive, and download again",
            ) from error
    return records


def _record(found: dict[str, Any]) -> Record:
    if found["format"] != FORMAT:
        raise ValueError(f"it has format {found['format']!r}, this segkit reads {FORMAT}")
    files = {str(path): Unpacked(int(file["bytes"]), str(file["sha256"])) for path, file in found["files"].items()}
    damaged = tuple(str(path) for path in found.get("damaged", ()))
    return Record(str(found["archive"]), str(found["url"]), int(found["bytes"]), str(found["sha256"]), files, damaged)


def missing_files(root: Path, record: Record) -> list[str]:
    """Return the files of an archive that are not in `root`, or not in the length they came with."""

    def fits(path: str, file: Unpacked) -> bool:
        try:
            return (root / path).stat().st_size == file.bytes
        except OSError:
            return False

    return [path for path, file in record.files.items() if not fits(path, file)]


def unfinished(root: Path) -> list[str]:
    """Return the archives whose download into `root` was begun and not finished."""
    work = root / FOLDER
    files = [path.name for path in work.iterdir() if path.is_file()] if work.is_dir() else []
    return sorted({name.removesuffix(".part") for name in files if not name.endswith((".json", ".lock"))})
