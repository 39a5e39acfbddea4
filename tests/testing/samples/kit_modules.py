"""The network of kit_nets, with every fault."""

from __future__ import annotations

import threading

import numpy as np
import torch
from torch import nn

from segkit import Outputs, SegkitError

CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}


class Net(nn.Module):
    def __init__(self, channels: int, outputs: int, dims: int, width: int, fault: str) -> None:
        super().__init__()
        self.fault, self.size_minimum, self.size_multiple = fault, 4, 2
        self.body = CONVOLUTION[dims](min(channels, 3) if fault == "builds" else channels, width, 3, padding=1)
        self.head = CONVOLUTION[dims](width, outputs, 1)
        if fault == "gradients":
            self.unused = nn.Linear(2, 2)
        if fault == "safetensors":
            self.offset = torch.randn(1).item()
        if fault == "copies":
            self.generator = torch.Generator(), threading.Lock()
        if fault == "repeatable":
            with torch.no_grad():
                self.head.bias.fill_(float(np.random.default_rng().normal()))

    def forward(self, x: torch.Tensor) -> torch.Tensor | Outputs:
        size = x.shape[2:]
        if min(size) < self.size_minimum and self.fault != "minimum":
            raise SegkitError(f"an image of {tuple(size)} is too small", "give at least 4 along each side")
        if self.fault == "batch-of-one" and self.training and len(x) == 1:
            raise ValueError("Expected more than 1 value per channel when training")
        logits = self.head(torch.relu(self.body(x)))
        if self.training:
            coarse = nn.functional.avg_pool2d(logits, 2) if logits.ndim == 4 else nn.functional.avg_pool3d(logits, 2)
            return Outputs([coarse, logits] if self.fault == "train-outputs" else [logits, coarse], (1.0, 0.5))
        return self.spoil(x, logits)

    def spoil(self, x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        fault = self.fault
        wrong = False
        if fault == "sizes":
            return logits[..., : logits.shape[-1] // 2 * 2]
        if fault == "deterministic":
            return logits + 1e-7 * torch.rand(())
        if fault == "independent":
            return logits - 0.1 * logits.mean(dim=0, keepdim=True)
        if fault == "safetensors":
            return logits + self.offset
        if fault == "channels-last":
            layout = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
            wrong = x.is_contiguous(memory_format=layout)
        if fault == "bfloat16":
            wrong = torch.is_autocast_enabled("cpu")
        if fault == "compile":
            wrong = torch.compiler.is_dynamo_compiling()
        if fault == "torch-export":
            wrong = torch.compiler.is_exporting() and not torch.onnx.is_in_onnx_export()
        if fault == "onnx":
            wrong = torch.onnx.is_in_onnx_export()
        return logits * 1.5 if wrong else logits
