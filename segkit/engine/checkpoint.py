"""model.safetensors: weights and, in one sorted JSON key, all that is needed to build and apply the model again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from segkit.errors import SegkitError
from segkit.files import write_whole

FORMAT = 1
KEY = "segkit"


def save_model(path: Path, model: nn.Module, header: Mapping[str, Any]) -> None:
    """Write the weights with `header`; equal models with equal headers are equal files.

    The header holds no time, path, host or run name (design, rule 5).
    """
    text = json.dumps({"format": FORMAT, **header}, sort_keys=True, ensure_ascii=False, allow_nan=False)
    # One metadata key only: safetensors writes several in random order.
    data = save(portable(model.state_dict()), metadata={KEY: text})
    write_whole(path, lambda stream: stream.write(data))


def portable(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copy tensors to the CPU, contiguous and unshared, as safetensors stores them."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return weights and header of a checkpoint; raises SegkitError that names the file and what is wrong."""
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise SegkitError(f"{path.name}: no such file", "check the path of the checkpoint") from None
    except (SafetensorError, OSError) as error:
        raise SegkitError(
            f"{path.name} is not a whole safetensors file ({error})", "copy it again, or train it again"
        ) from None
    try:
        header = json.loads(metadata[KEY])
    except (KeyError, ValueError):
        raise SegkitError(
            f"{path.name} holds weights that segkit did not write", "give the model.safetensors of a segkit run"
        ) from None
    found = header.get("format")
    if found != FORMAT:
        raise SegkitError(f"{path.name} has format {found!r}, this segkit reads {FORMAT}", "upgrade segkit-core")
    return weights, header
