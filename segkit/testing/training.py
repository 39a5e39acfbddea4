"""Networks: what training asks of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from segkit.contracts import Outputs
from segkit.testing.check import check, fail, listed
from segkit.testing.subjects import ArchitectureSubject
from segkit.testing.tensors import times

if TYPE_CHECKING:
    import torch
    from torch import nn


def all_logits(outputs: Any) -> list[torch.Tensor]:
    """The logits of a train-mode result, the main ones first."""
    return list(outputs.logits) if isinstance(outputs, Outputs) else [outputs]


def backward(model: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """Go forward and back in train mode with a random weighting of every logit; return the logits."""
    import torch

    generator = torch.Generator().manual_seed(1)
    found = all_logits(model.train()(images))
    torch.stack([(one * torch.randn(one.shape, generator=generator)).mean() for one in found]).sum().backward()
    return found


def shaken(model: nn.Module) -> nn.Module:
    """Move every weight a little, so that what starts at zero lets gradients through."""
    import torch

    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.is_floating_point():
                weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.02)
    return model


@check("arch", "train-outputs", needs=["builds"])
def train_outputs(subject: ArchitectureSubject) -> None:
    """In train mode it gives logits, or segkit.Outputs, the main ones first, K channels each, with finite weights."""
    found = subject.build().train()(subject.images())
    mend = "return logits, or segkit.Outputs(logits=[main, ...], weights=(1.0, ...))"
    logits = all_logits(found)
    expected = (2, subject.task().out_channels, *subject.size)
    for number, one in enumerate(logits):
        if not hasattr(one, "shape"):
            fail(f"it gave {type(found).__name__}", mend)
        wrong = tuple(one.shape[:2]) != expected[:2] or len(one.shape) != len(expected)
        if wrong or (number == 0 and tuple(one.shape) != expected):
            fail(f"logits {number} have shape {times(one.shape)}", mend, f"{times(expected)}, others coarser at most")
    weights = list(found.weights) if isinstance(found, Outputs) else [1.0]
    if not all(math.isfinite(weight) for weight in weights) or weights[0] == 0:
        fail(f"the weights are {weights}", mend, "finite weights, that of the main logits not 0")


@check("arch", "batch-of-one", needs=["train-outputs", "gradients"])
def batch_of_one(subject: ArchitectureSubject) -> None:
    """A batch of one image trains, at the smallest size too: logits and gradients are finite."""
    for size in (subject.size, (subject.minimum,) * subject.dims):
        model = subject.build()
        try:
            found = backward(model, subject.images(1, size))
        except Exception as error:
            fail(
                f"{times(size)} raised {type(error).__name__}: {error}",
                "batch normalisation needs two values per channel: take another norm where a map is 1x1, or state a "
                "larger size_minimum",
            )
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        if not all(value.isfinite().all() for value in [*found, *gradients]):
            fail(f"{times(size)} gave logits or gradients that are not finite", "look for a deviation over one value")


@check("arch", "gradients", needs=["train-outputs"])
def gradients(subject: ArchitectureSubject) -> None:
    """In train mode every trainable parameter gets a gradient that is finite and not 0."""
    model = shaken(subject.build())
    if not any(weight.requires_grad for weight in model.parameters()):
        fail("there is no trainable parameter", "make weights nn.Parameter, or let requires_grad be")
    backward(model, subject.images())
    trainable = {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}
    missing = [name for name, grad in trainable.items() if grad is None or not grad.any()]
    if missing:
        fail(
            f"none reaches {listed(missing)}",
            "use it in forward in train mode without detach, .data or no_grad, or do not make it",
        )
    broken = [name for name, grad in trainable.items() if grad is not None and not grad.isfinite().all()]
    if broken:
        fail(f"that of {listed(broken)} is NaN or infinite", "look for square roots and divisions at 0")
