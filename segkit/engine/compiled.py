"""Training steps through torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from segkit.errors import SegkitError


def compiled(model: nn.Module, backend: str) -> Callable[[torch.Tensor], Any]:
    """Return what a training step calls in the place of the model, whose weights it shares.

    Args:
        backend: of torch.compile, or "none": the model itself.

    Raises (when first called):
        SegkitError: the backend cannot compile the network, or has no compiler of its own here.
    """
    if backend == "none":
        return model
    network = torch.compile(model, backend=backend)

    def forward(images: torch.Tensor) -> Any:
        from torch._dynamo.exc import TorchDynamoException

        try:
            return network(images)
        except TorchDynamoException as error:
            said = " ".join(str(error).split("\n")[:2])
            raise SegkitError(
                f"torch.compile ({backend}) fails on {type(model).__name__}: {said}", "leave --compile out"
            ) from error

    return forward
