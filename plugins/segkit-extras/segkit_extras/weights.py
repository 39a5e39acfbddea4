"""The network's tensors alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn


def build(params: Any) -> Callable[[nn.Module, torch.Tensor, Path], None]:
    """Build the exporter."""

    def write(network: nn.Module, example: torch.Tensor, path: Path) -> None:
        save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)

    return write
