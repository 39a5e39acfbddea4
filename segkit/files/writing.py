"""Write files whole or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from segkit.errors import SegkitError
from segkit.files.parts import new_part, new_part_folder, remove_parts


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside `path`, sync it, and rename it into place; a link at `path` is replaced, not followed.

    Raises:
        SegkitError: the disk is full or refuses; what stood at `path` before stands there still.
    """
    part: Path | None = None
    try:
        part, descriptor = new_part(path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        part = None
        sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SegkitError(
            f"cannot write {path.name}: {reason}", "free some space or choose another --output"
        ) from error
    finally:
        if part is not None:
            with suppress(OSError):
                part.unlink()


@contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """Yield an empty folder beside `final` that gets its name when the block ends well and vanishes when it does not.

    Raises:
        SegkitError: `final` is there already, or the disk is full or refuses.
    """
    remove_parts(final.parent)
    try:
        with new_part_folder(final.parent) as part:
            yield part
            for path in (*part.rglob("*"), part):
                sync_folder(path)
            # Not onto a folder that holds something: another process may have been quicker.
            part.rename(final)
            sync_folder(final.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SegkitError(f"cannot write folder {final}: {reason}", "choose another --output") from error


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8, whole or not at all."""
    write_whole(path, lambda stream: stream.write(text.encode("utf-8")))


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys, whole or not at all."""
    write_text(path, json_text(value, indent=2) + "\n")


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON with sorted keys, in which every number that is not finite is null.

    JSON has neither NaN nor infinities, and Python's own extension is an error to other readers. What a null was is
    told beside it, by counts or in words.
    """
    return json.dumps(without_non_finite(value), indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)


def without_non_finite(value: Any) -> Any:
    """Return a value for JSON with None in the place of every float that is NaN or infinite, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_non_finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_non_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
