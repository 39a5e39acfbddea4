"""What a network answers, held against its contract before anything is trained on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from segkit.contracts import Outputs
from segkit.declarations import Task
from segkit.engine.device import autocast
from segkit.errors import SegkitError


def check_answers(
    model: nn.Module, task: Task, size: tuple[int, ...], device: torch.device, precision: str, name: str
) -> None:
    """Show a network one empty image in eval mode; raises SegkitError where it answers with anything but logits.

    Leaves no trace: random states, mode and statistics are as they were.

    Args:
        name: the architecture's full name.
    """
    training = model.training
    image = torch.zeros(1, task.in_channels, *size, device=device)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad(), autocast(device, precision):
        found = model.eval()(image)
    model.train(training)
    check_logits(found, (1, task.out_channels, *size), name, "eval")


def check_outputs(found: Any, images: torch.Tensor, channels: int, name: str) -> None:
    """Raise SegkitError where a network's answer in train mode is neither logits nor `Outputs` of them."""
    wanted = (len(images), channels, *images.shape[2:])
    if not isinstance(found, Outputs):
        check_logits(found, wanted, name, "train")
        return
    for place, logits in enumerate(found.logits):
        # Coarse heads have a grid of their own.
        shape = wanted if place == 0 or not isinstance(logits, torch.Tensor) else (*wanted[:2], *logits.shape[2:])
        check_logits(logits, shape, name, "train", of=f" as logits {place + 1} of {len(found.logits)}")


def check_logits(found: Any, wanted: tuple[int, ...], name: str, mode: str, of: str = "") -> None:
    """Raise SegkitError where something is no tensor of a shape."""
    if isinstance(found, torch.Tensor) and tuple(found.shape) == wanted:
        return
    raise SegkitError(
        f"arch {name} answered with {described(found)} in {mode} mode{of}, not with logits {wanted} (N, K, *S)",
        way_out(found, wanted),
    )


def described(found: Any) -> str:
    """What an answer is, in words."""
    if isinstance(found, torch.Tensor):
        return f"a tensor {tuple(found.shape)}"
    if isinstance(found, Mapping):
        return f"a {type(found).__name__} of {', '.join(map(repr, list(found)[:5]))}"
    if isinstance(found, (tuple, list)):
        return f"a {type(found).__name__} of {len(found)}"
    return f"a {type(found).__name__}"


def way_out(found: Any, wanted: tuple[int, ...]) -> str:
    """What its author has to do."""
    if isinstance(found, Mapping):
        return "its author must return one entry, the logits, as in return self.network(x)['out']"
    if isinstance(found, (tuple, list)):
        return "its author must return the main logits alone; in train mode several as segkit.Outputs(logits, weights)"
    if not isinstance(found, torch.Tensor) or found.ndim != len(wanted):
        return "its author must return a tensor of that shape"
    if found.shape[1] != wanted[1]:
        return "its author must build the last layer for task.out_channels"
    return "its author must bring the logits back to the image's grid; segkit.padding pads and crops"
