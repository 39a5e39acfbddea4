"""Safetensors files with one JSON header and a digest over everything: a spoiled file is never taken for whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from segkit.errors import one_line
from segkit.files import parse_json, without_non_finite, write_whole

DIGEST = "sha256"


class DamagedFileError(Exception):
    """A file is not what `write_sealed` wrote; the message says why."""


def write_sealed(path: Path, key: str, header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors and header, whole or not at all; equal contents are equal files.

    Args:
        key: the metadata key of the header. There is only this one: safetensors writes several in random order.
        tensors: as `portable` returns them.
    """
    header = without_non_finite(header)
    # Sorted, in one key: safetensors writes several in random order, and equal models shall be equal files.
    text = json.dumps({**header, DIGEST: digest(header, tensors)}, sort_keys=True, ensure_ascii=False)
    data = save(dict(tensors), metadata={key: text})
    write_whole(path, lambda stream: stream.write(data))


def read_sealed(path: Path, key: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return tensors and header.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFileError: it is no whole safetensors file, has no such header, or its digest is another.
    """
    if path.exists() and not path.is_file():
        raise DamagedFileError("it is a folder, a pipe or a device")
    try:
        with safe_open(path, framework="pt") as stream:
            text = (stream.metadata() or {}).get(key)
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise
    except (
        SafetensorError,
        OSError,
        MemoryError,
        AttributeError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        # Types of numbers that torch has not, and shapes that it cannot hold, raise what they like.
        raise DamagedFileError(f"it is not a whole safetensors file: {one_line(str(error))}") from None
    if text is None:
        raise DamagedFileError("segkit did not write it")
    try:
        header = parse_json(text, finite=False)  # a state's best score so far begins with minus infinity
    except ValueError as error:
        raise DamagedFileError(f"its header cannot be read: {error}") from None
    if not isinstance(header, dict):
        raise DamagedFileError("its header is not a table")
    found = header.pop(DIGEST, None)
    if found != digest(header, tensors):
        raise DamagedFileError("its digest is not that of its contents")
    return tensors, header


def digest(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of a header and tensors, by name."""
    total = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        total.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        total.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def portable(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copy tensors to the CPU, contiguous and unshared, as safetensors stores them."""
    return {name: unshared(tensor.detach()) for name, tensor in tensors.items()}


def unshared(tensor: torch.Tensor) -> torch.Tensor:
    """Return a contiguous copy on the CPU, made once."""
    found = tensor.cpu().contiguous()
    return found.clone() if found.data_ptr() == tensor.data_ptr() else found
