"""The backbone: a timm model whose last stages dilate instead of striding."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open
from timm.models import get_pretrained_cfg
from torch import nn

from segkit import SegkitError, UsageError
from segkit.data.pretrained import first_weights, how_to_bring
from segkit_pspnet.params import PSPNetParams
from segkit_pspnet.published import published

DILATING = (
    "mobilenetv3_large_100",
    "efficientnet_b0",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "wide_resnet50_2",
    "wide_resnet101_2",
)
"""What is offered in place of a model that cannot dilate: common ones that can, by size."""
OFFERED = 3
SHOWN_KEYS = 3


def build_backbone(params: PSPNetParams, in_channels: int) -> nn.Module:
    """Return a module that maps images (N, C, H, W) to its last two maps, coarsest last; `feature_info` describes them.

    Raises:
        UsageError: timm has no such model, it cannot dilate, or it has no pretrained weights.
        SegkitError: the weights are not to be had or do not fit.
    """
    check_dilates(params.backbone, params.output_stride)
    weights = published(params) if params.pretrained is True else None
    file = params.weights or first_weights(params.pretrained, weights)
    if file is not None:
        check_weights(file, params.backbone, "arch.weights" if params.weights else "arch.pretrained")
        return create(params.backbone, params.output_stride, in_channels, pretrained=True, file=file)
    if not params.pretrained:
        return create(params.backbone, params.output_stride, in_channels)
    config = get_pretrained_cfg(params.backbone)
    if config is None or not config.has_weights:
        raise UsageError(f"timm has no pretrained weights for {params.backbone}", "leave out arch.pretrained")
    # The hub's client tells of every retry; what there is to know is in the error.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return create(params.backbone, params.output_stride, in_channels, pretrained=True)
    except Exception as error:  # what a download can raise depends on timm's and the hub's version
        raise SegkitError(
            f"the weights {config.hf_hub_id or config.url} of {params.backbone} are not in the cache and could not be "
            f"downloaded ({reason(error)})",
            how_to_bring(weights) if weights else "bring them as safetensors, and say --set arch.pretrained=FILE",
        ) from error


def create(
    name: str, output_stride: int, in_channels: int = 3, *, pretrained: bool = False, file: Path | None = None
) -> nn.Module:
    """Let timm build the model and, where asked, load its weights; timm fits the first layer to the channels."""
    backbone: nn.Module = timm.create_model(
        name,
        features_only=True,
        out_indices=(-2, -1),
        output_stride=output_stride,
        in_chans=in_channels,
        pretrained=pretrained,
        pretrained_cfg_overlay={"file": str(file)} if file else None,
    )
    return backbone


def check_dilates(name: str, output_stride: int) -> None:
    """Raise UsageError unless timm has a model of this name whose last map has this stride."""
    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=OFFERED)
        near = f" (near: {', '.join(close)})" if close else ""
        raise UsageError(f"arch.backbone={name}: timm has no such model{near}", f"give one such as {DILATING[4]}")
    try:
        get_pretrained_cfg(name)
    except RuntimeError as error:  # timm's own sentence names the tag and those that there are
        raise UsageError(f"arch.backbone={name}: {reason(error)}", "leave out what follows the dot") from None
    try:
        with torch.device("meta"):
            stride = create(name, output_stride).feature_info.reduction()[-1]  # type: ignore[union-attr, operator]
        problem = f"its last map has stride {stride}"
    except Exception as error:  # timm models refuse in many ways: an assertion without text, an unknown argument, ...
        stride, problem = None, reason(error)
    if stride == output_stride:
        return
    raise UsageError(
        f"arch.backbone={name} cannot be dilated to output stride {output_stride} ({problem})",
        f"near in size and able to: {', '.join(alternatives(name))}",
    )


def alternatives(name: str) -> list[str]:
    """Return the names of `DILATING` whose numbers of parameters are nearest to a model's."""
    sizes = {other: parameters(other) for other in (name, *DILATING)}
    return sorted(DILATING, key=lambda other: abs(sizes[other] - sizes[name]))[:OFFERED]


def parameters(name: str) -> int:
    """Return how many parameters a timm model has without its classifier."""
    return sum(parameter.numel() for parameter in full_model(name).parameters())


def full_model(name: str) -> nn.Module:
    """Return the model as its weights are published, without classifier and without memory."""
    with torch.device("meta"):
        model: nn.Module = timm.create_model(name, num_classes=0)
    return model


def check_weights(path: Path, name: str, param: str = "arch.pretrained") -> None:
    """Raise SegkitError unless a safetensors file has the tensors of a timm model; the classifier's may be missing."""
    found = read_shapes(path, param)
    config = get_pretrained_cfg(name)
    classifier = (config.classifier if config else None) or ()
    left_out = tuple(f"{part}." for part in ([classifier] if isinstance(classifier, str) else classifier))
    expected = {key: tuple(tensor.shape) for key, tensor in full_model(name).state_dict().items()}
    different = [key for key in differing(expected, found) if not key.startswith(left_out)]
    if different:
        first = different[:SHOWN_KEYS]
        shown = "; ".join(
            f"{key} is {found.get(key, 'missing')}, expected {expected.get(key, 'none')}" for key in first
        )
        raise SegkitError(
            f"{param}={path.name} does not fit {name}: {len(different)} tensors differ: {shown}",
            f"give the model.safetensors of timm's {name}, or name the backbone that the file is of",
        )


def differing(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return the keys that are in one mapping only or differ, in the order of the network, then of the file."""
    return [key for key in dict.fromkeys([*expected, *found]) if expected.get(key) != found.get(key)]


def read_shapes(path: Path, param: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a safetensors file; raises SegkitError where it is none."""
    if path.suffix != ".safetensors":
        raise SegkitError(
            f"{param}={path.name} is not named .safetensors; segkit unpickles nothing",
            "convert it with safetensors.torch.save_file",
        )
    try:
        with safe_open(path, framework="pt") as stream:
            return {key: tuple(stream.get_slice(key).get_shape()) for key in stream.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise SegkitError(f"{param}={path.name}: no such file", "check the path") from None
    except (SafetensorError, OSError) as error:
        raise SegkitError(
            f"{param}={path.name} is not a whole safetensors file ({reason(error)})", "copy it again"
        ) from None


def reason(error: BaseException) -> str:
    """Return an exception in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
