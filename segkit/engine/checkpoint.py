"""model.safetensors: weights, and in its header all that is needed to build and apply the model again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segkit.engine.sealed import DamagedFileError, portable, read_sealed, write_sealed
from segkit.errors import SegkitError

FORMAT = 1
KEY = "segkit"


def save_model(path: Path, model: nn.Module, header: Mapping[str, Any]) -> None:
    """Write the weights with `header`; equal models with equal headers are equal files.

    The header holds no time, path, host or run name (design, rule 5).
    """
    write_sealed(path, KEY, {"format": FORMAT, **header}, portable(model.state_dict()))


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return weights and header of a checkpoint; raises SegkitError that names the file and what is wrong."""
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
    return weights, header
