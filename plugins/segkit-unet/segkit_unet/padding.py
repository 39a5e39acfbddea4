"""Any size through a network that halves its grid: padding to a multiple, and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional


def pad_to_multiple(x: torch.Tensor, multiple: int) -> torch.Tensor:
    """Pad images (N, C, *S) at the end by replication to sides that are multiples; the same tensor where they are."""
    missing = [-side % multiple for side in x.shape[2:]]
    if not any(missing):
        return x
    return functional.pad(x, [pad for side in reversed(missing) for pad in (0, side)], mode="replicate")


def crop(logits: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Return the first `size` cells along each spatial axis of (N, K, *S)."""
    for axis, side in enumerate(size, start=2):
        logits = logits.narrow(axis, 0, side)
    return logits
