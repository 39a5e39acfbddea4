"""Whether a disk has room for what is about to be written."""

from __future__ import annotations

import shutil
from pathlib import Path

from segkit.errors import SegkitError
from segkit.files.reading import bytes_text

ELSEWHERE = "free some space, or name a folder on another disk"


def check_room(needed: int, folder: Path, what: str, *, disk: str = "", hint: str = ELSEWHERE) -> None:
    """Raise SegkitError where the disk of a folder has less than `needed` bytes free.

    Args:
        what: is to be written, for the message.
        disk: how the message calls the disk, if not by the folder.
        hint: the way out.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        disk = disk or f"the disk of {folder}"
        raise SegkitError(f"{what} needs {bytes_text(needed)}, {disk} has {bytes_text(free)} free", hint)
