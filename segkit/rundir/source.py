"""Find what `--from` names: a run directory, its checkpoint, or a file of weights that somebody else wrote."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from segkit.engine.shapes import HEADER
from segkit.errors import SegkitError
from segkit.files import check_shape, open_regular, parse_json, read_tensor_file, real
from segkit.planning.source import Source
from segkit.rundir.checkpoint import checkpoint_of
from segkit.rundir.names import MODEL

KEY = "segkit"
"""The metadata key of segkit's checkpoints."""
PICKLED = (b"PK\x03\x04", b"\x80")
"""How files of torch.save begin: as a zip archive, and of before version 1.6 as a pickle."""


def open_source(text: str) -> Source:
    """Read what a source says of itself; its weights are read when the run starts.

    Raises:
        SegkitError: there is no such file, or it is not whole.
    """
    path = checkpoint_of(Path(text))
    name = real(path).parent.name if path.name == MODEL and path.parent != path else path.name
    if is_pickled(path):
        return Source(path, path.name, file_digest(path), pickled=True)
    try:
        found = read_tensor_file(path)
    except SegkitError as error:
        raise error.of("--from") from None
    if not found.shapes:
        raise SegkitError(f"--from: {path.name} holds no tensors", "give a file of weights")
    header = None if KEY not in found.metadata else read_header(path, found.metadata[KEY])
    return Source(path, name if header is not None else path.name, found.digest, header=header)


def is_pickled(path: Path) -> bool:
    """Whether a file is one of torch.save, by how it begins; raises SegkitError where it cannot be read."""
    try:
        with open_regular(path) as stream:
            start = stream.read(9)
    except OSError as error:
        raise SegkitError(f"--from: {path.name} cannot be read: {error.strerror}", "check the path") from None
    # The length of a safetensors header may begin like a pickle: its ninth byte is the brace that no pickle has there.
    return start.startswith(PICKLED) and start[8:] != b"{"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_header(path: Path, text: str) -> dict[str, Any]:
    """Return the header of a checkpoint, checked to be one."""
    try:
        header = parse_json(text, finite=False)
        check_shape(header, HEADER)
    except (ValueError, TypeError) as error:
        raise SegkitError(f"--from: the header of {path.name} is damaged: {error}", "copy the file again") from None
    found: dict[str, Any] = header
    return found
