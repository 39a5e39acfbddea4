"""Deletion and insertion curves: how the target's probability falls and rises with the pixels a map calls important."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from segkit.errors import UsageError, did_you_mean
from segkit.explain.one_pass import forward
from segkit.explain.targets import BoundTarget

AT_ONCE = 8
"""Changed images that go through the network together; memory does not grow with the number of steps."""


@dataclass(frozen=True)
class Curves:
    """Mean probability of the class over the target's pixels, as pixels are taken from the image or put into it.

    Attributes:
        shares: share of pixels changed at each step, from 0 to 1.
        deletion: hottest pixels replaced by the baseline first; a good map falls early, so a small area is good.
        insertion: hottest pixels put into the baseline first; a large area is good.
    """

    shares: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it with the areas under both curves, as JSON can hold it."""
        return {
            "shares": list(self.shares),
            "deletion": list(self.deletion),
            "insertion": list(self.insertion),
            "deletion_area": area(self.shares, self.deletion),
            "insertion_area": area(self.shares, self.insertion),
        }


def area(shares: Sequence[float], values: Sequence[float]) -> float:
    """Return the area under a curve by the trapezoidal rule."""
    return float(np.sum(np.diff(shares) * (np.add(values[1:], values[:-1]) / 2)))


def deletion_and_insertion(
    model: nn.Module,
    x: torch.Tensor,
    target: BoundTarget,
    heat: np.ndarray,
    *,
    steps: int = 16,
    baseline: str = "mean",
    seed: int = 0,
) -> Curves:
    """Measure both curves (Petsiuk et al. 2018, RISE) for one image.

    The pixels scored are those of the target as it was on the whole image, whatever is predicted later.

    Args:
        x: the image, (1, C, *S), normalised.
        target: with its pixels found.
        heat: (*S), what the pixels are ordered by, ties in an order drawn with `seed`.
        steps: parts of as nearly equal numbers of pixels as there can be; every pixel is changed at the end.
        baseline: "mean": each channel's mean over the image; "blur": the image smoothed over an eighth of its side;
            "zero": 0 after normalisation.
    """
    order = ranking(heat, seed)
    counts = [round(step * order.size / steps) for step in range(steps + 1)]
    background = make_baseline(x, baseline)
    fixed = {count: target.fixed(count) for count in {AT_ONCE, (steps + 1) % AT_ONCE}}
    curves = []
    for start, end in ((x, background), (background, x)):
        values: list[float] = []
        for batch in batches(start, end, order, counts):
            values += fixed[len(batch)].probability(forward(model, batch)).tolist()
        curves.append(tuple(values))
    return Curves(tuple(count / order.size for count in counts), curves[0], curves[1])


def ranking(heat: np.ndarray, seed: int) -> np.ndarray:
    """Return the flat indices of a map (*S), the hottest first; equal ones in an order drawn with `seed`."""
    values = heat.ravel()
    draw = np.random.default_rng(seed).permutation(values.size)
    return np.lexsort((draw, -values))


def batches(start: torch.Tensor, end: torch.Tensor, order: np.ndarray, counts: Sequence[int]) -> Iterator[torch.Tensor]:
    """Yield images in which the first pixels of an order are those of `end` and the others those of `start`."""
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    ranks = torch.from_numpy(rank).reshape(start.shape[2:]).to(start.device)
    for first in range(0, len(counts), AT_ONCE):
        changed = torch.stack([ranks < count for count in counts[first : first + AT_ONCE]])[:, None]
        yield torch.where(changed, end, start)


def make_baseline(x: torch.Tensor, name: str) -> torch.Tensor:
    """Return what stands in the place of removed pixels, (1, C, *S); raises UsageError for an unknown name."""
    if name == "zero":
        return torch.zeros_like(x)
    if name == "mean":
        return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True).expand_as(x)
    if name == "blur":
        from scipy.ndimage import gaussian_filter

        sigma = (0, 0, *(side / 8 for side in x.shape[2:]))
        return torch.from_numpy(gaussian_filter(x.cpu().numpy(), sigma, mode="nearest")).to(x.device)
    known = ("mean", "blur", "zero")
    raise UsageError(f"there is no baseline {name!r}{did_you_mean(name, known)}", f"there are: {', '.join(known)}")
