"""Names that a file gives for other files: joined to its folder by one function that refuses to leave it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from segkit.errors import SegkitError


def inside(folder: Path, name: str, *, named_by: str) -> Path:
    """Return the path of the file `name` in `folder`, for a name that stands in a file somebody may have sent.

    Args:
        name: relative to the folder, with slashes.
        named_by: the file that gives the name, for messages.

    Raises:
        SegkitError: it is no such name, or leads out of the folder, be it by a link (issue 19: `panel` in an index of
            explanations put any file of the reader's disk into report.html).
    """
    parts = PurePosixPath(name).parts
    # Of both systems: a directory is sent from one to the other.
    absolute = PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).drive or PureWindowsPath(name).root)
    if not parts or absolute or ".." in PureWindowsPath(name).parts or not name.isprintable():
        raise SegkitError(
            f"{named_by} names {name!r}, which is no file of its folder", "ask who made it for a whole copy"
        )
    path = folder.joinpath(*parts)
    if not is_inside(folder, path):
        raise SegkitError(
            f"{named_by} names {name!r}, a link that leads out of its folder", "put the file itself there"
        )
    return path


def is_inside(folder: Path, path: Path) -> bool:
    """Whether a path lies below a folder once all links are followed; it need not exist."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a circle of links, which is nowhere; a name with a zero byte
        return False


def is_folder(entry: os.DirEntry[str] | Path) -> bool:
    """Whether an entry of a folder is a folder, links followed; one that cannot be asked, as a circle of links, not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_file(entry: os.DirEntry[str] | Path) -> bool:
    """Whether an entry of a folder is a regular file, links followed; one that cannot be asked is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def real(path: Path) -> Path:
    """Return a path with its links followed, as far as they lead: at a circle of them `resolve` raises."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a zero byte, which the name of no file has
        return Path(os.path.normpath(path))


def own_folder(parent: Path, name: str) -> Path:
    """Make the folder `name` in `parent` where there is none, and return it: what is written there stays in `parent`.

    Raises:
        SegkitError: it is a link or a file, or cannot be made.
    """
    folder = parent / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file of that name is there" if folder.exists() else error.strerror
        raise SegkitError(f"the folder {folder} cannot be made: {reason}", "move it away, or name another") from error
    if not is_inside(parent, folder):
        raise SegkitError(f"the folder {folder} is a link that leads out of {parent.name}", "put a folder in its place")
    return folder


def expanded(path: str | Path, named_by: str) -> Path:
    """Return a path with its leading ~ or ~user expanded; raises SegkitError where that home folder is not known."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise SegkitError(f"{named_by}: {path} is in a home folder that is not known", "write the whole path") from None


def home_folder() -> Path | None:
    """Return the user's home folder; None where neither HOME nor the list of users knows one, as in some containers."""
    try:
        return Path.home()
    except (RuntimeError, KeyError):
        return None


def name_the_user() -> None:
    """Let `getpass.getuser` answer for a user whom no list knows: PyTorch's compiler asks, and MONAI's import."""
    import getpass  # asked for where something is built, not where a command starts

    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ.setdefault("LOGNAME", f"user-{os.getuid() if hasattr(os, 'getuid') else 0}")
