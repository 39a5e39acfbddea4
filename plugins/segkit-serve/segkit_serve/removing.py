"""Folders that the server made and lets go: what a disk refuses is told, as an image of somebody's may lie there."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

logger = logging.getLogger(__name__)


def remove_folder(folder: Path) -> None:
    """Remove a folder of the server's own with all that it holds; whatever stays is told to who runs the server.

    It raises nothing: it ends what a client asked for, or follows an error of its own that is about to be told.
    """
    try:
        shutil.rmtree(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)  # the rest of it; the reason is told below
        if folder.exists():
            logger.warning("%s stays, and may hold an image: %s; remove it by hand", folder, error.strerror)
