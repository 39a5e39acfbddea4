"""Read the tensors of a file that somebody else may have written: safetensors, or what torch.save made of tensors."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from segkit.errors import SegkitError, one_line

USUAL_KEYS = (
    "network_weights",  # nnU-Net 2
    "state_dict",  # Lightning, MONAI, mmsegmentation, nnU-Net 1
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
    "params_ema",
    "params",
)
"""Where the weights lie in a file that holds more than them."""
DEEPEST = 3
FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")


def read_weights(path: Path, *, pickled: bool) -> dict[str, torch.Tensor]:
    """Return a file's weights by name; nothing that is code is run.

    Raises:
        SegkitError: the file is not whole, holds anything that would have to be unpickled, or no weights.
    """
    found = read_pickled(path) if pickled else read_safetensors(path)
    spoiled = [
        name for name, value in found.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if spoiled:
        raise SegkitError(
            f"--from: {path.name} holds weights that are NaN or infinite: {', '.join(spoiled[:3])}",
            "its training diverged: start from another one",
        )
    return found


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file."""
    try:
        found: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise SegkitError(
            f"--from: {path.name} is not a whole safetensors file: {one_line(str(error))}", "copy it again"
        ) from None
    return found


def read_pickled(path: Path) -> dict[str, torch.Tensor]:
    """Read a file of torch.save by `torch.load(weights_only=True)`, which makes tensors and plain values alone."""
    try:
        with torch.serialization.safe_globals(numbers_of_numpy()):
            found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = FORBIDDEN.search(str(error))
        what = f" ({code[1]})" if code else ""
        raise SegkitError(
            f"--from: {path.name} holds more than tensors{what}: it would have to be unpickled, which can run any code",
            "where you trust it, load it there and save its state_dict() alone, best with safetensors.torch.save_file",
        ) from None
    except Exception as error:  # a damaged archive raises what its reader happens to meet
        raise SegkitError(
            f"--from: {path.name} is not a whole file of torch.save: {one_line(str(error))[:200]}", "copy it again"
        ) from None
    weights = weights_in(found)
    if weights is None:
        keys = ", ".join(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
        raise SegkitError(
            f"--from: {path.name} holds no weights by name; it has: {one_line(keys)[:200]}",
            f"give a state dict, alone or under a key such as {', '.join(USUAL_KEYS[:3])}",
        )
    return weights


def numbers_of_numpy() -> list[Any]:
    """Return what single numbers of numpy are made by: they run nothing, and nnU-Net logs its figures as such."""
    made: Any = np._core.multiarray.scalar  # type: ignore[attr-defined]
    kinds = (np.float64, np.float32, np.int64, np.int32, np.bool_)
    # Files of numpy 1 call the module otherwise.
    return [made, (made, "numpy.core.multiarray.scalar"), np.dtype, *(type(np.dtype(kind)) for kind in kinds)]


def weights_in(found: Any, depth: int = 0) -> dict[str, torch.Tensor] | None:
    """Return the state dict that a value is, or holds under a usual key; None where there is none."""
    if not isinstance(found, Mapping):
        return None
    tensors = {str(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}
    inner = [found[key] for key in USUAL_KEYS if isinstance(found.get(key), Mapping)]
    if depth < DEEPEST:
        for value in inner:
            if weights := weights_in(value, depth + 1):
                return weights
    return tensors or None
