"""Folders and files that this user has named to segkit: what somebody else's run directory names is not followed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from segkit.data.roots import cache_folder
from segkit.errors import SegkitError
from segkit.files import home_folder, real

FOLDER = "named"


def remember(path: Path) -> None:
    """Keep that this user has named a file or folder; where nothing can be written, it is asked for again one day.

    Not in the run directory, which anybody can write and send; not beside the stores, which jobs on clusters keep on a
    disk that goes with them.
    """
    text = os.fsencode(real(path))
    for folder in places():
        try:
            note = folder / name_of(text)
            if not note.exists():
                folder.mkdir(parents=True, exist_ok=True)
                note.write_bytes(text + b"\n")
        except OSError:
            continue
        return


def is_known(path: Path) -> bool:
    """Whether this user has named a file or folder before, on this machine."""
    text = os.fsencode(real(path))
    return any((folder / name_of(text)).exists() for folder in places())


def name_of(path: bytes) -> str:
    """What the note of a path is called."""
    return hashlib.sha256(path).hexdigest()


def places() -> Iterator[Path]:
    """Yield the folders of notes, the first that can be written is written to: the user's state, then the cache."""
    given = Path(os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", ""))
    home = home_folder()
    if given.is_absolute():
        yield given / "segkit" / FOLDER
    elif home is not None:
        below = {"win32": ("AppData", "Local"), "darwin": ("Library", "Application Support")}
        yield home.joinpath(*below.get(sys.platform, (".local", "state")), "segkit", FOLDER)
    try:
        yield cache_folder() / FOLDER
    except SegkitError:
        return  # neither home nor cache: nothing can be remembered
