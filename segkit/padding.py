"""Any size through a network that divides its grid: padding to a multiple, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def pad_to_multiple(x: torch.Tensor, multiple: int | Sequence[int]) -> torch.Tensor:
    """Pad images (N, C, *S) at the end by replication to sides that are multiples; the same tensor where they are.

    Args:
        multiple: of every side, or one per axis of S.
    """
    from torch.nn import functional

    sides = x.shape[2:]
    multiples = (multiple,) * len(sides) if isinstance(multiple, int) else tuple(multiple)
    missing = [-side % wanted for side, wanted in zip(sides, multiples, strict=True)]
    if not any(missing):
        return x
    return functional.pad(x, [end for side in reversed(missing) for end in (0, side)], mode="replicate")


def crop(logits: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Return the first `size` cells along each spatial axis of (N, K, *S)."""
    for axis, side in enumerate(size, start=2):
        logits = logits.narrow(axis, 0, side)
    return logits
