"""What a safetensors file says of itself, read without torch: names, shapes, its metadata, a digest of its contents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError
from segkit.files.reading import open_regular, parse_json

LARGEST_HEADER = 100_000_000
"""Bytes, as the safetensors library itself has it."""
BLOCK = 2**22
WIDTHS = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}


@dataclass(frozen=True)
class TensorFile:
    """A safetensors file's header.

    Attributes:
        shapes: by name.
        metadata: what its writer added, as text by key.
        digest: SHA-256 over names, types, shapes and contents of the tensors, whatever the metadata: a model that was
            scored since, or read and saved anew, has the same.
    """

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]
    digest: str


def read_tensor_file(path: Path) -> TensorFile:
    """Read the header and the digest; raises SegkitError where the file is not a whole safetensors file."""
    import hashlib

    try:
        with open_regular(path) as stream:
            size = path.stat().st_size
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(LARGEST_HEADER, size - 8):
                raise ValueError("it does not begin as one")
            header: Any = parse_json(stream.read(length))
            metadata = header.pop("__metadata__", {})
            entries = {str(name): checked(entry, size - 8 - length) for name, entry in header.items()}
            total = hashlib.sha256()
            for name, (kind, shape, start, end) in sorted(entries.items()):
                total.update(f"{name} {kind} {list(shape)}".encode())
                stream.seek(8 + length + start)
                left = end - start
                while left:
                    block = stream.read(min(BLOCK, left))
                    if not block:
                        raise ValueError("it is cut off")
                    total.update(block)
                    left -= len(block)
    except OSError as error:
        raise SegkitError(f"{path.name} cannot be read: {error.strerror}", "check the path") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SegkitError(
            f"{path.name} is not a whole safetensors file: {error}", "copy it again, or download it anew"
        ) from None
    texts = {str(key): value for key, value in dict(metadata).items() if isinstance(value, str)}
    return TensorFile({name: shape for name, (_, shape, _, _) in entries.items()}, texts, total.hexdigest())


def checked(entry: Mapping[str, Any], size: int) -> tuple[str, tuple[int, ...], int, int]:
    """Return type, shape and place of a tensor; raises ValueError where it lies outside of the file."""
    start, end = entry["data_offsets"]
    shape, kind = tuple(entry["shape"]), str(entry["dtype"])
    if not all(type(side) is int and side >= 0 for side in shape) or type(start) is not int or type(end) is not int:
        raise ValueError("a shape or a place in it is no whole number")
    if not 0 <= start <= end <= size:
        raise ValueError("it is cut off")
    if end - start != math.prod(shape) * WIDTHS.get(kind, 1) and kind in WIDTHS:
        raise ValueError("a tensor has another size than its shape")
    return kind, shape, start, end
