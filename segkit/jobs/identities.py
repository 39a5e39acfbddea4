"""What stands behind case ids that hide people, in a file of its own, written only where somebody asks for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError, UnusableFileError, UsageError
from segkit.files import real

OPTION = "--keep-ids"


@dataclass(frozen=True)
class Named:
    """An image and what it is called.

    Attributes:
        reader: of its format; None of a photograph that segkit itself reads.
    """

    name: str
    reader: Any
    files: Sequence[Path]


def keep_identities(path: Path, images: Iterable[Named], tell: Callable[[str], None], *, out_of: Path | None) -> None:
    """Write what a format's `identify` says of each image, by its name, readable by the user alone; and warn of it.

    Args:
        out_of: the folder of results, which is handed on: the file may not lie in it.

    Raises:
        UsageError: it would lie there, something else is there already, or no name hides anybody.
        SegkitError: the disk refuses.
    """
    if out_of is not None and real(path).is_relative_to(real(out_of)):
        raise UsageError(
            f"{OPTION} {path} lies in {out_of}, which is handed on without names", "keep it where the images are kept"
        )
    found: dict[str, Mapping[str, str]] = {}
    for image in images:
        identify = getattr(image.reader, "identify", None)
        if identify is None:
            continue
        try:
            said = identify(image.files)
        except UnusableFileError as error:  # the command tells it too, and goes on with the others
            said = {"not known": f"{error.file} {error.reason}"}
        if said:
            found[image.name] = said
    if not found:
        raise UsageError(f"{OPTION}: these names hide nobody, each is its file's", f"leave {OPTION} out")
    data = (json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    try:
        # What is there may be anything, of any size.
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return tell(warning(path, len(found)))  # of the same command before
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
    except FileExistsError:
        raise UsageError(f"{OPTION} {path} is there already and holds something else", "name another file") from None
    except OSError as error:
        raise SegkitError(f"{OPTION} {path} cannot be written: {error.strerror}", "name another file") from None
    return tell(warning(path, len(found)))


def warning(path: Path, count: int) -> str:
    """Return the warning that comes with the file."""
    return f"warning: {path} identifies the people behind {count} cases: keep it where their records are kept"
