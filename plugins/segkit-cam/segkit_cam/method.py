"""The features before the head, weighted by the head's own weights for a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from segkit import SegkitError
from segkit.explain import BoundTarget, Padding, crop, forward, watch_padding

Convolution = nn.Conv2d | nn.Conv3d
Result = tuple[torch.Tensor, tuple[str, ...], dict[str, str]]
CELLS = 20_000
NO_WEIGHT = 1e-4
"""A part with less weight than this in the logits is no head."""


@dataclass(frozen=True)
class Head:
    """A convolution that gives logits, as it was called.

    Attributes:
        features: what it was given, (N, C, *grid).
        logits: what it gave, (N, K, *grid).
    """

    name: str
    convolution: Convolution
    features: torch.Tensor
    logits: torch.Tensor


def build(params: Any) -> Callable[..., Any]:
    """Return CAM."""
    return explain


def explain(model: nn.Module, x: torch.Tensor, layer: None, targets: Sequence[BoundTarget]) -> list[Result]:
    """Return for each target the raw signed maps (N, *grid) of the head's input, a status per sample, and notes.

    With a 1x1 head a map is the class's logit less its bias, cell by cell; where the logits are a weighted sum of
    several heads, such as their mean, so is the map. Of a larger head only the tap in the middle is taken.

    Raises:
        SegkitError: the logits are not what convolutions give, resized or cropped at most.
    """
    with watch_padding(model, x) as padding:
        logits, called = run(model, x, targets[0].task.out_channels)
    heads, weights, how = find_heads(called, logits, padding)
    notes = {"layer": ", ".join(f"input of {head.name}" for head in heads), "head": how}
    maps = weighted([class_maps(head) for head in heads], weights)
    own = weighted([head.logits for head in heads], weights)
    results: list[Result] = []
    for target in targets:
        target(logits)
        raw = of_class(maps, own, target)
        empty = torch.tensor([status != "ok" for status in target.status], device=raw.device)
        raw = torch.where(empty.reshape(-1, *(1,) * (raw.ndim - 1)), torch.zeros_like(raw), raw)
        results.append((raw, target.status, notes))
    return results


def run(model: nn.Module, x: torch.Tensor, channels: int) -> tuple[torch.Tensor, list[Head]]:
    """Run the model once; returns its logits and every call of a convolution with as many channels as they have."""
    called: list[Head] = []

    def note(name: str) -> Callable[..., None]:
        def hook(module: Convolution, arguments: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            if arguments[0].shape[2:] == output.shape[2:]:
                called.append(Head(name, module, arguments[0], output))

        return hook

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if isinstance(module, (nn.Conv2d, nn.Conv3d)) and module.out_channels == channels and module.groups == 1:
                stack.callback(module.register_forward_hook(note(name)).remove)
        return forward(model, x), called


def find_heads(called: Sequence[Head], logits: torch.Tensor, padding: Padding) -> tuple[list[Head], list[float], str]:
    """Return the convolutions that the logits are a weighted sum of, their weights, and the same in words."""
    for head in reversed(called):
        if same(head.logits, logits, padding):
            return [head], [1.0], size_of(head.convolution)
    alike = [head for head in called if called[-1].logits.shape == head.logits.shape]
    weights = weights_of([head.logits for head in alike], logits)
    summed = [(head, weight) for head, weight in zip(alike, weights, strict=True) if abs(weight) > NO_WEIGHT]
    total = weighted([head.logits for head, _ in summed], [weight for _, weight in summed]) if summed else None
    if total is not None and same(total, logits, padding):
        shares = ", ".join(f"{weight:.3g}" for _, weight in summed)
        how = f"{len(summed)} heads, weighted {shares} as their logits are; {size_of(summed[-1][0].convolution)}"
        return [head for head, _ in summed], [weight for _, weight in summed], how
    raise SegkitError(
        "explainer cam: the logits are not what convolutions of this model give",
        "explain it by gradients, for which there are other explainers (segkit list)",
    )


def weights_of(parts: Sequence[torch.Tensor], logits: torch.Tensor) -> list[float]:
    """Return the numbers with which parts (N, K, *grid) sum up to the logits best, by least squares on some cells."""
    if not parts:
        return []
    size = [min(sides) for sides in zip(parts[0].shape[2:], logits.shape[2:], strict=True)]
    flat = torch.stack([crop(part, [0] * len(size), size).flatten() for part in parts], dim=1).double()
    wanted = crop(logits, [0] * len(size), size).flatten().double()
    step = max(1, len(wanted) // CELLS)
    solution = torch.linalg.lstsq(flat[::step].cpu(), wanted[::step, None].cpu()).solution[:, 0]
    return [float(weight) for weight in solution]


def weighted(parts: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    """Return a weighted sum."""
    return torch.stack([part * weight for part, weight in zip(parts, weights, strict=True)]).sum(dim=0)


def size_of(convolution: Convolution) -> str:
    """Say how much of a head its map takes into account."""
    size = "x".join(map(str, convolution.kernel_size))
    if all(side == 1 for side in convolution.kernel_size):
        return f"{size}, exact: the logit less its bias"
    return f"{size}, its middle tap alone: what neighbouring cells give to the logit is left out"


def same(own: torch.Tensor, logits: torch.Tensor, padding: Padding) -> bool:
    """Whether what a head gave is the logits: as it is, cropped, resized, or resized to a padded image and cropped."""
    size = logits.shape[2:]
    if cropped_alike(own, logits):
        return True
    if own.shape[2:] == size:
        return False
    mode = "bilinear" if own.ndim == 4 else "trilinear"
    return any(
        cropped_alike(functional.interpolate(own, size=list(grid), mode=mode, align_corners=aligned), logits)
        for grid in {tuple(size), padding.size or tuple(size)}
        for aligned in (False, True)
    )


def cropped_alike(own: torch.Tensor, logits: torch.Tensor) -> bool:
    """Whether the logits are a map's start or middle."""
    size = logits.shape[2:]
    if any(mine < wanted for mine, wanted in zip(own.shape[2:], size, strict=True)):
        return False
    middle = [(mine - wanted) // 2 for mine, wanted in zip(own.shape[2:], size, strict=True)]
    return any(close(crop(own, start, size), logits) for start in ([0] * len(middle), middle))


def close(own: torch.Tensor, logits: torch.Tensor) -> bool:
    """Whether two maps are the same but for rounding."""
    return torch.allclose(own, logits, rtol=1e-4, atol=1e-5 * float(logits.abs().max().clamp_min(1)))


def class_maps(head: Head) -> torch.Tensor:
    """Return the head's input weighted by its weights, (N, K, *grid): the logits less their bias where it is 1x1."""
    weight = head.convolution.weight.detach().to(head.features.dtype)
    taps = [side // 2 for side in weight.shape[2:]]
    middle = crop(weight, taps, [1] * len(taps)).flatten(1)
    return torch.einsum("kc,nc...->nk...", middle, head.features)


def of_class(maps: torch.Tensor, logits: torch.Tensor, target: BoundTarget) -> torch.Tensor:
    """Return a target's map (N, *grid): its class's, with a margin less that of the next class at each cell."""
    if target.task.overlapping:
        # No background among the logits, and no rival: a class's own yes or no (issue 20).
        return maps[:, target.label - 1]
    if maps.shape[1] == 1:
        return maps[:, 0] if target.label == 1 else -maps[:, 0]
    own = maps[:, target.label]
    if not target.target.margin:
        return own
    rivals = logits.clone()
    rivals[:, target.label] = -torch.inf
    return own - maps.gather(1, rivals.argmax(dim=1, keepdim=True))[:, 0]
