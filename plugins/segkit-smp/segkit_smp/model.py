"""The library's networks, made to take any size and a batch of one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import nn
from torch.nn import functional

from segkit import SegkitError, Task, UsageError
from segkit.data.pretrained import first_weights
from segkit.padding import crop, pad_to_multiple
from segkit_smp import ARCHITECTURES
from segkit_smp.published import published
from segkit_smp.weights import load_encoder, offline

DECODER_CHANNELS = (256, 128, 64, 32, 16)
PER_STAGE = ("unet", "unetplusplus", "manet")
"""Decoders that want one number of channels per stage."""
SMALLEST_MAP = {"pan": 8}
"""Cells a side that a decoder needs of the encoder's last map; two where nothing is said."""

HALVINGS = {"dpt": 1}
"""How often a decoder halves the encoder's last map once more."""


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that also trains on a batch with one value per channel, by its running statistics."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise x (N, C, H, W)."""
        if not self.training or x.numel() > x.shape[1]:
            return super().forward(x)
        return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class Bridged(nn.Module):
    """One of the library's networks: padded to the multiples it needs, cropped back.

    Attributes:
        middle, last: names for explanations: the encoder's last map (a DPT has none), and the decoder's result.
        size_multiple: what the encoder divides the grid by.
        size_minimum: smallest side.
    """

    def __init__(self, network: nn.Module, smallest_map: int = 2, halvings: int = 0) -> None:
        super().__init__()
        self.network = network
        self.middle = nn.Identity()
        self.last = nn.Identity()
        self.size_multiple = int(network.encoder.output_stride) * 2**halvings  # type: ignore[union-attr, arg-type]
        self.size_minimum = smallest_map * self.size_multiple

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K, H, W) of images (N, C, H, W); raises SegkitError where a side is too small."""
        height, width = x.shape[2:]
        if min(height, width) < self.size_minimum:
            raise SegkitError(
                f"{type(self.network).__name__}: an image of {height}x{width} is too small",
                f"give at least {self.size_minimum} along each side, or lower arch.depth",
            )
        return crop(self.on_multiples(pad_to_multiple(x, self.size_multiple)), (height, width))

    def on_multiples(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of images whose sides are multiples: the library's forward pass, two maps named."""
        network: Any = self.network
        if isinstance(network, smp.DPT):
            features, prefix_tokens = network.encoder(x)
            decoded = network.decoder(features, prefix_tokens)
        else:
            *finer, coarsest = network.encoder(x)
            decoded = network.decoder([*finer, self.middle(coarsest)])
        logits: torch.Tensor = network.segmentation_head(self.last(decoded))
        return logits


def build(task: Task, params: Any, *, name: str) -> Bridged:
    """Return one of the library's architectures for a task.

    Raises:
        UsageError: the library knows no such encoder, or refuses the depth for it.
        SegkitError: the weights are not to be had or do not fit.
    """
    options: dict[str, Any] = {} if name == "dpt" else {"encoder_depth": params.depth}
    if name in PER_STAGE:
        options["decoder_channels"] = DECODER_CHANNELS[: params.depth]
    timms = params.encoder.startswith("tu-")
    file = params.weights or first_weights(params.pretrained, published(params) if params.pretrained is True else None)
    # The library fits the first layer to other channels after the weights are loaded; timm makes it for them at once.
    in_channels = task.in_channels if timms or file is None else 3
    wanted = ("imagenet" if not timms else True) if params.pretrained and file is None else None
    make = functools.partial(
        smp.create_model,
        name,
        encoder_name=params.encoder,
        encoder_weights=wanted,
        in_channels=in_channels,
        classes=task.out_channels,
        **options,
    )
    network = attempt(make, params.encoder, name) if wanted is None else offline(make, params)
    if file is not None:
        param = "arch.weights" if params.weights else "arch.pretrained"
        load_encoder(network.encoder, file, params.encoder, param)
        if not timms:
            network.encoder.set_in_channels(task.in_channels, pretrained=True)
    use_running_statistics_of_one(network)
    if name == "dpt":
        # The decoder takes maps from between the blocks: nothing reads what the transformer ends with.
        network.encoder.model.prune_intermediate_layers(1, prune_norm=True, prune_head=True)
    return Bridged(network, SMALLEST_MAP.get(name, 2), HALVINGS.get(name, 0))


def attempt(make: Callable[[], Any], encoder: str, name: str) -> Any:
    """Build a network; raises UsageError with the library's own reason where it refuses."""
    try:
        return make()
    except Exception as error:  # the library and timm refuse in many ways
        known = encoder in smp.encoders.get_encoder_names()
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(
            f"arch.encoder={encoder} does not build smp-{name}: {reason[0]}"
            if known or encoder.startswith("tu-")
            else f"arch.encoder={encoder}: segmentation_models.pytorch knows no such encoder",
            "give one such as resnet34, mobilenet_v2 or tu-convnext_tiny"
            if name != "dpt"
            else "give a vision transformer such as tu-vit_base_patch16_224",
        ) from error


def use_running_statistics_of_one(network: nn.Module) -> None:
    """Exchange plain batch normalisations for ones that a batch of one can train."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm2d:
                other = BatchNorm(
                    child.num_features, child.eps, child.momentum, child.affine, child.track_running_stats
                )
                other.load_state_dict(child.state_dict())
                setattr(module, name, other)


def __getattr__(attribute: str) -> Any:
    """Return `build_unet`, `build_fpn`, ...: `build` for one of the library's architectures."""
    name = attribute.removeprefix("build_")
    if attribute.startswith("build_") and name in ARCHITECTURES:
        return functools.partial(build, name=name)
    raise AttributeError(attribute)
