"""What lies in segkit's cache, how large it is, and removing what can be made again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.data.folders import BUILDING, is_building, locked_if_free
from segkit.data.roots import MARKER, cache_folder
from segkit.data.store_build import INDEX
from segkit.errors import SegkitError
from segkit.files import Either, read_json

REMOVABLE = ("stores", "samples")
"""Folders of the cache whose content is built again when it is needed."""
LAYOUT = {"slices": Either(None, [int]), "spacing": Either(None, [float])}
STORE = {"body": {"cases": [dict], "size": Either([int], LAYOUT), "bytes": {str: int}, "dataset?": str}}
"""What an index has to hold to be told about."""
LARGEST_INDEX = 2**30
FOREIGN = "not made by segkit: it stays"
KINDS = (*REMOVABLE, "data")


@dataclass(frozen=True)
class Entry:
    """One folder of the cache.

    Attributes:
        kind: "stores", "samples" or "data".
        about: what it is, in words.
        modified: seconds since the epoch.
    """

    kind: str
    path: Path
    bytes: int
    modified: float
    about: str


def list_cache() -> list[Entry]:
    """Return what lies in the cache, by kind and name."""
    return [entry for kind in KINDS for entry in _entries(kind)]


def _entries(kind: str) -> Iterator[Entry]:
    folder = cache_folder() / kind
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise SegkitError(f"the cache folder {folder} cannot be listed: {error.strerror}", "check it") from error
    for path in paths:
        # Stores and samples come and go while others work.
        try:
            yield Entry(kind, path, _bytes_of(path), path.stat().st_mtime, _about(kind, path))
        except FileNotFoundError:
            continue


def _bytes_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += 0 if path.is_dir() else path.lstat().st_size
        except FileNotFoundError:
            continue
    return total


def _about(kind: str, path: Path) -> str:
    if not is_ours(kind, path):
        return FOREIGN
    if path.name.endswith(BUILDING):
        return "under construction, or left by a process that was killed"
    if kind == "samples":
        return "generated sample"
    if kind == "data":
        return "downloaded or brought here"
    try:
        body = read_json(path / INDEX, STORE, most=LARGEST_INDEX)["body"]
        whole = all((path / name).stat().st_size == count for name, count in body["bytes"].items())
    except (SegkitError, OSError):
        return "damaged"
    of = f" of {body['dataset']}" if "dataset" in body else ""  # stores of volumes did not say so before
    return f"{len(body['cases'])} cases{of} at {_grid(body['size'])}" if whole else "damaged"


def _grid(size: Any) -> str:
    """The working grid of a store: of photographs the size, of volumes the slices' size or the voxels'."""
    if isinstance(size, list):
        return "x".join(map(str, size))
    if size["slices"] is not None:
        return f"{'x'.join(map(str, size['slices']))}, in slices"
    return "their own spacing" if size["spacing"] is None else f"{'x'.join(f'{mm:g}' for mm in size['spacing'])} mm"


def is_ours(kind: str, path: Path) -> bool:
    """Whether segkit made a folder of the cache, by what it always puts there; data count as brought here.

    SEGKIT_CACHE may be a disk of data with a folder "samples" of its own (issue 19).
    """
    if kind not in REMOVABLE:
        return True
    made = INDEX if kind == "stores" else MARKER
    return not path.is_symlink() and ((path / made).is_file() or is_building(path))


def remove(entry: Entry) -> bool:
    """Remove a store or sample; returns False, and leaves it, where another process is building it.

    Raises:
        SegkitError: it is data that cannot be made again, or the disk refuses.
    """
    if not is_ours(entry.kind, entry.path):
        raise SegkitError(f"{entry.path} was not made by segkit", "remove it by hand if you are sure")
    if entry.kind not in REMOVABLE:
        raise SegkitError(f"{entry.path} holds data", "remove it by hand if you are sure")
    final = entry.path.with_name(entry.path.name.removesuffix(BUILDING))
    try:
        with locked_if_free(final) as held:
            if held:
                # Renamed first: nobody finds half a store.
                doomed = entry.path.with_name(final.name + BUILDING)
                if entry.path != doomed:
                    shutil.rmtree(doomed, ignore_errors=True)
                    entry.path.rename(doomed)
                shutil.rmtree(doomed)
            return held
    except FileNotFoundError:
        return True
    except OSError as error:
        raise SegkitError(f"{entry.path} cannot be removed: {error.strerror}", "check its permissions") from error
