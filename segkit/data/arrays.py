"""Arrays in .npz files that somebody may have sent: nothing is unpickled, no more allocated than the file holds."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from segkit.errors import SegkitError
from segkit.files import bytes_text, reason_of

LARGEST = 2**30
"""Bytes of one array: a label map of 1024 x 1024 x 1024."""
BROKEN = (OSError, ValueError, TypeError, KeyError, EOFError, MemoryError, NotImplementedError, RuntimeError)
"""What zipfile and numpy raise on files that are none, are cut or lie about themselves: of an unknown compression
NotImplementedError, of a member with a password RuntimeError. Each becomes a sentence with the file's name."""


def read_arrays(path: Path, names: Sequence[str], *, hint: str) -> list[np.ndarray]:
    """Return arrays of an .npz by name.

    Args:
        hint: the way out, for messages.

    Raises:
        SegkitError: there is no such file, it is none, lacks an array, or an array is too large or not what it says.
    """
    if not path.is_file():
        kind = "no file" if path.exists() else "no such file"
        raise SegkitError(f"{path.name}: {kind}", hint)
    try:
        with zipfile.ZipFile(path) as archive:
            return [read_member(archive, f"{name}.npy") for name in names]
    except (*BROKEN, zipfile.BadZipFile, zlib.error) as error:
        raise SegkitError(f"{path.name} cannot be read ({reason_of(error)})", hint) from None


def read_member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read one array; raises ValueError where its header asks for more than is there, before that is allocated."""
    info = archive.getinfo(name)
    if info.file_size > LARGEST:
        raise ValueError(f"{name} holds {bytes_text(info.file_size)}, at most {bytes_text(LARGEST)} are read")
    with archive.open(info) as stream:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, dtype = read_header(stream)
        count = math.prod(shape)
        if dtype.hasobject or min(shape, default=0) < 0 or count * dtype.itemsize != info.file_size - stream.tell():
            raise ValueError(f"{name} is not the array that its header says")
        data = np.frombuffer(stream.read(), dtype, count)
    return data.reshape(shape, order="F" if by_columns else "C").copy()
