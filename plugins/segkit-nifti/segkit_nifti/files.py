"""Open a NIfTI file: its header, its voxels as stored, or in words why not."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from segkit import UnusableFileError
from segkit_nifti.packed import GZIP, Bytes, Packed

SUFFIXES = (".nii", ".nii.gz")
HEADER_BYTES = {348: Nifti1Header, 540: Nifti2Header}
MAGIC = {348: b"n+1\0", 540: b"n+2\0\r\n\x1a\n"}
PAIRED_MAGIC = (b"ni1\0", b"ni2\0\r\n\x1a\n")
DEFLATE_RATIO = 1032
"""Bytes that one byte of a deflate stream can stand for at most."""
BLOCK = 1 << 22
BROKEN_STREAM = (EOFError, zlib.error)
AS_READ = 4
"""Bytes of a voxel that is read, at most: float32."""
TRAILING = 1 << 26
"""Bytes after the voxels that are read for the sake of the checksum behind them; the libraries read none of them."""
AGAIN = "copy or download it again"
CONVERT_DICOM = "convert the series to NIfTI first, such as with dcm2niix: dcm2niix -z y -o OUT FOLDER"


@dataclass(frozen=True)
class Nifti:
    """A file's header and voxels.

    Attributes:
        voxels: (X, Y, Z, volumes) as stored, not scaled.
    """

    name: str
    header: Any
    voxels: np.ndarray


def stem_of(name: str) -> str | None:
    """Return the name of a NIfTI file without its suffix, None for another file."""
    lowered = name.lower()
    for suffix in reversed(SUFFIXES):
        if lowered.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return None


def open_nifti(path: Path, name: str | None = None) -> Nifti:
    """Read a file whole, its checksum included where it is compressed.

    Args:
        name: how messages call it; the file's name where not given.

    Raises:
        UnusableFileError: it is no NIfTI file, damaged or cut short, or holds what is no volume of numbers.
    """
    name = name or path.name
    with _opened(path, name) as stream:
        header = _header(stream, name)
        return Nifti(name, header, _voxels(stream, header, path, name))


def read_header(path: Path, name: str | None = None) -> Any:
    """Read a file's header alone, a nibabel header; raises UnusableFileError as `open_nifti` does."""
    name = name or path.name
    with _opened(path, name) as stream:
        return _header(stream, name)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Bytes]:
    """Open a file, unpacked where it is packed; what fails while it is read is told of it."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise UnusableFileError(name, "is a folder, not a NIfTI file", f"a folder of DICOM? {CONVERT_DICOM}")
        if not stat.S_ISREG(kind):  # reading a named pipe or a device would wait for ever
            raise UnusableFileError(name, "is no regular file", "give a file")
        with path.open("rb") as stream:
            start = stream.read(132)
            stream.seek(0)
            if start[128:132] == b"DICM" or path.suffix.lower() in (".dcm", ".ima"):
                raise UnusableFileError(name, "is a DICOM file", CONVERT_DICOM)
            if not start:
                raise UnusableFileError(name, "is empty", AGAIN)
            # What a file holds decides, not what it is called.
            yield Packed(stream) if start.startswith(GZIP) else stream
    except BROKEN_STREAM as error:
        raise UnusableFileError(name, f"is damaged or cut short ({_words(error)})", AGAIN) from error
    except OSError as error:
        raise UnusableFileError(
            name, f"cannot be read: {_words(error)}", "check the file and its permissions"
        ) from error


def _header(stream: Bytes, name: str) -> Any:
    start = stream.read(4)
    length = next((known for known in HEADER_BYTES if start in (known.to_bytes(4, "little"), known.to_bytes(4))), None)
    if length is None:
        kind = "Analyze, NRRD, MetaImage or another format" if len(start) == 4 else "too short a file"
        raise UnusableFileError(name, f"is no NIfTI file ({kind})", "convert it to .nii.gz, such as with SimpleITK")
    block = start + stream.read(length - 4)
    if len(block) < length:
        raise UnusableFileError(name, f"is cut short: {len(block)} of its header's {length} bytes", AGAIN)
    try:
        header = HEADER_BYTES[length](block, check=False)
        magic = header["magic"].tobytes()
        if magic in PAIRED_MAGIC:
            raise UnusableFileError(name, "is the header of a pair of .hdr and .img", "convert it to one .nii.gz file")
        if not MAGIC[length].startswith(magic.rstrip(b"\0")) or not magic.strip(b"\0"):
            raise UnusableFileError(name, "is Analyze 7.5, whose orientation nobody knows", "convert it to NIfTI")
        header.get_data_dtype()
        known = np.isfinite(header["vox_offset"]) and 1 <= int(header["dim"][0]) <= 7
    except (HeaderDataError, WrapStructError, KeyError) as error:
        reason = f"its data type {error} is unknown" if isinstance(error, KeyError) else _words(error)
        raise UnusableFileError(name, f"has a damaged header ({reason})", AGAIN) from error
    if not known:
        raise UnusableFileError(name, "has a damaged header (its dim or vox_offset)", AGAIN)
    return header


def _voxels(stream: Bytes, header: Any, path: Path, name: str) -> np.ndarray:
    shape = _shape(header, name)
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise UnusableFileError(
            name, f"holds {_kind_of(dtype)}, not one number per voxel", "write it as integers or floats"
        )
    offset = int(header["vox_offset"])
    header_bytes = int(header["sizeof_hdr"])
    total = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    packed = isinstance(stream, Packed)
    most = path.stat().st_size * (DEFLATE_RATIO if packed else 1)
    if offset < header_bytes:
        # nibabel refuses it, nifticlib reads on behind the header.
        raise UnusableFileError(
            name, f"says that its voxels begin at byte {offset}, within its header", "write it anew with nibabel or ITK"
        )
    check_memory(shape, dtype.itemsize, name)
    if offset + total > most:
        raise UnusableFileError(
            name, f"is cut short or damaged: its header promises {total:,} bytes of {_times(shape)} voxels", AGAIN
        )
    if _skip(stream, offset - header_bytes) < offset - header_bytes:
        raise UnusableFileError(name, "is cut short: it ends before its voxels begin", AGAIN)
    buffer = np.empty(total, np.uint8)
    done = 0
    while done < total:
        block = stream.read(min(BLOCK, total - done))
        if not block:
            raise UnusableFileError(name, f"is cut short: {done:,} of {total:,} bytes of its voxels", AGAIN)
        buffer[done : done + len(block)] = np.frombuffer(block, np.uint8)
        done += len(block)
    if packed:
        _skip(stream, TRAILING)  # the checksum is compared where the end is read
    voxels: np.ndarray = buffer.view(dtype).reshape(shape, order="F")
    return voxels


def check_memory(shape: tuple[int, ...], itemsize: int, name: str) -> None:
    """Raise UnusableFileError where a volume as stored and as read would not fit beside each other."""
    needed = int(np.prod(shape, dtype=np.float64) * (itemsize + AS_READ))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else needed
    if needed > memory:
        told = _times(shape[: 3 if shape[3] == 1 else 4])
        raise UnusableFileError(
            name,
            f"promises {told} voxels, {needed >> 30:,} GiB of memory, and this machine has {memory >> 30:,}",
            "is its header right? else cut it to what is of interest, or write it more coarsely",
        )


def _skip(stream: Bytes, count: int) -> int:
    """Read on without keeping anything; returns how many bytes there were of `count`."""
    done = 0
    while done < count and (block := stream.read(min(BLOCK, count - done))):
        done += len(block)
    return done


def _shape(header: Any, name: str) -> tuple[int, int, int, int]:
    shape = tuple(int(length) for length in header.get_data_shape())
    if not shape or min(shape) < 1:
        raise UnusableFileError(name, f"has no voxels: its header says {_times(shape) or 'no dimensions'}", AGAIN)
    x, y, z, *more = (*shape, *(1,) * (3 - len(shape)))
    volumes = [length for length in more if length > 1]
    if len(volumes) > 1:
        raise UnusableFileError(
            name, f"has {len(shape)} dimensions ({_times(shape)})", "write volumes of three dimensions, one per file"
        )
    return x, y, z, volumes[0] if volumes else 1


def _kind_of(dtype: np.dtype) -> str:
    return "complex numbers" if dtype.kind == "c" else "colours" if dtype.fields else f"values of type {dtype}"


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
