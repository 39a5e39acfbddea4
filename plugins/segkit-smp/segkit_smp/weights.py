"""First weights of an encoder: the library's own, or a file's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import adapt_input_conv
from torch import nn

from segkit import SegkitError
from segkit.data.pretrained import how_to_bring
from segkit_smp.published import published

SHOWN_KEYS = 3
Result = TypeVar("Result")


def offline(make: Callable[[], Result], params: Any) -> Result:
    """Call what downloads; raises SegkitError that says which weights are missing and how to pass a file."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return make()
    except Exception as error:  # what a download can raise depends on the hub's version
        lines = str(error).strip().splitlines() or [""]
        weights = published(params)
        raise SegkitError(
            f"the weights of arch.encoder={params.encoder} are not to be had ({type(error).__name__}: {lines[0]})",
            how_to_bring(weights) if weights else "leave out arch.pretrained, or say --set arch.pretrained=FILE",
        ) from error


def as_wrapped(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return timm's own file with the names of the library's wrapper, which puts `model.` before each.

    What follows the last map, such as the classifier, has no place in an encoder and is left out.
    """
    wrapped = {f"model.{key}": value for key, value in found.items()}
    known = {key: value for key, value in wrapped.items() if key in expected}
    return known if len(known) > sum(key in expected for key in found) else found


def with_channels(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return timm's weights with the first layer, made for three channels, fitted to others as timm does it."""
    fitted = dict(found)
    for key, weight in found.items():
        wanted = expected[key].shape if key in expected else weight.shape
        if weight.dim() == 4 and weight.shape[1] == 3 != wanted[1] and weight.shape[::2] == wanted[::2]:
            fitted[key] = adapt_input_conv(wanted[1], weight)
    return fitted


def load_encoder(encoder: nn.Module, path: Path, name: str, param: str = "arch.pretrained") -> None:
    """Load an encoder's weights from a safetensors file; raises SegkitError with the first keys that differ."""
    if path.suffix != ".safetensors":
        raise SegkitError(
            f"{param}={path.name} is not named .safetensors; segkit unpickles nothing",
            "convert it with safetensors.torch.save_file",
        )
    try:
        found = load_file(path)
    except FileNotFoundError:
        raise SegkitError(f"{param}={path.name}: no such file", "check the path") from None
    except (SafetensorError, OSError) as error:
        raise SegkitError(f"{param}={path.name} is not a whole safetensors file ({error})", "copy it again") from None
    expected = encoder.state_dict()
    if name.startswith("tu-"):
        found = with_channels(as_wrapped(found, expected), expected)
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
            f"{param}={path.name} does not fit {name}: {len(different)} tensors differ: {shown}",
            f"give the weights of the library's encoder {name} at this depth",
        )
    encoder.load_state_dict(found)
