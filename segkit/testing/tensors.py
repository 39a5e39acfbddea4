"""Small helpers of checks that look at tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SAME = 1e-4
"""Largest difference, as a share of the largest value, between what should be equal but for rounding."""


def times(shape: Sequence[int]) -> str:
    """Write a shape: "2x3x32x48"."""
    return "x".join(map(str, shape))


def difference(expected: torch.Tensor, found: torch.Tensor) -> float:
    """Largest difference as a share of the largest expected value; infinite where shapes differ or one is NaN."""
    if expected.shape != found.shape:
        return float("inf")
    expected, found = expected.detach().double(), found.detach().double()
    if not expected.numel():
        return 0.0
    apart = float((expected - found).abs().max())
    if apart != apart:
        return float("inf")
    scale = float(expected.abs().max())
    return apart / scale if scale > 0 else apart


def deviation(expected: torch.Tensor, found: torch.Tensor) -> float:
    """Root mean square difference as a share of the expected root mean square; infinite where shapes differ."""
    if expected.shape != found.shape:
        return float("inf")
    expected, found = expected.detach().double(), found.detach().double()
    apart = float((expected - found).square().mean().sqrt())
    if apart != apart:
        return float("inf")
    scale = float(expected.square().mean().sqrt())
    return apart / scale if scale > 0 else apart
