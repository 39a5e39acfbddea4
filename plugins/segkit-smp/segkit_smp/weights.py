"""First weights of an encoder: the library's own, or a file's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from segkit import SegkitError

SHOWN_KEYS = 3
Result = TypeVar("Result")


def offline(make: Callable[[], Result], encoder: str) -> Result:
    """Call what downloads; raises SegkitError that says which weights are missing and how to pass a file."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return make()
    except Exception as error:  # what a download can raise depends on the hub's version
        lines = str(error).strip().splitlines() or [""]
        raise SegkitError(
            f"the weights of arch.encoder={encoder} are not to be had ({type(error).__name__}: {lines[0]})",
            "download them where there is a connection (https://huggingface.co/smp-hub, or timm for tu- encoders), and "
            "say --set arch.weights=FILE",
        ) from error


def as_wrapped(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return timm's own file with the names of the library's wrapper, which puts `model.` before each.

    What follows the last map, such as the classifier, has no place in an encoder and is left out.
    """
    wrapped = {f"model.{key}": value for key, value in found.items()}
    known = {key: value for key, value in wrapped.items() if key in expected}
    return known if len(known) > sum(key in expected for key in found) else found


def load_encoder(encoder: nn.Module, path: Path, name: str) -> None:
    """Load an encoder's weights from a safetensors file; raises SegkitError with the first keys that differ."""
    if path.suffix != ".safetensors":
        raise SegkitError(
            f"arch.weights={path.name} is not named .safetensors; segkit unpickles nothing",
            "convert it with safetensors.torch.save_file",
        )
    try:
        found = load_file(path)
    except FileNotFoundError:
        raise SegkitError(f"arch.weights={path.name}: no such file", "check the path") from None
    except (SafetensorError, OSError) as error:
        raise SegkitError(
            f"arch.weights={path.name} is not a whole safetensors file ({error})", "copy it again"
        ) from None
    expected = encoder.state_dict()
    if name.startswith("tu-"):
        found = as_wrapped(found, expected)
    different = [
        key
        for key in dict.fromkeys([*expected, *found])
        if key not in expected or key not in found or expected[key].shape != found[key].shape
    ]
    if different:
        shown = "; ".join(
            f"{key} is {tuple(found[key].shape) if key in found else 'missing'}, "
            f"expected {tuple(expected[key].shape) if key in expected else 'none'}"
            for key in different[:SHOWN_KEYS]
        )
        raise SegkitError(
            f"arch.weights={path.name} does not fit {name}: {len(different)} tensors differ: {shown}",
            f"give the weights of the library's encoder {name} at this depth",
        )
    encoder.load_state_dict(found)
