"""model.safetensors: weights, and in its header all that is needed to build and apply the model again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segkit.engine.sealed import DamagedFileError, portable, read_sealed, write_sealed
from segkit.engine.shapes import HEADER
from segkit.errors import SegkitError
from segkit.files import check_shape

FORMAT = 1
KEY = "segkit"
LARGEST_GRID = 2**27
"""Pixels or voxels of a working size: 512 x 512 x 512."""


def save_model(path: Path, model: nn.Module, header: Mapping[str, Any]) -> None:
    """Write the weights with `header`; equal models with equal headers are equal files.

    The header holds no time, path, host or run name (design, rule 5).
    """
    write_sealed(path, KEY, {"format": FORMAT, **header}, portable(model.state_dict()))


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return weights and header of a checkpoint, the header checked to be one.

    Raises:
        SegkitError: it is none, damaged, or of a newer format; the message names the file and what is wrong.
    """
    try:
        weights, header = read_sealed(path, KEY)
    except FileNotFoundError:
        raise SegkitError(f"{path.name}: no such file", "check the path of the checkpoint") from None
    except DamagedFileError as error:
        raise SegkitError(
            f"{path.name} is no whole checkpoint: {error}", "copy it again, or give the model.safetensors of a run"
        ) from None
    found = header.get("format")
    if found != FORMAT:
        raise SegkitError(f"{path.name} has format {found!r}, this segkit reads {FORMAT}", "upgrade segkit-core")
    try:
        check_shape(header, HEADER)
        for grid in ("size", "window"):
            check_size(header["preprocessing"].get(grid, ()))
    except ValueError as error:
        raise SegkitError(f"{path.name}: its header is damaged: {error}", "copy the file again") from None
    return weights, header


def check_size(size: Sequence[int]) -> None:
    """Raise ValueError where images of the working size would not fit into any memory."""
    if math.prod(size) > LARGEST_GRID:
        raise ValueError(f"preprocessing.size is {' x '.join(map(str, size))}, more than {LARGEST_GRID:,} pixels")
