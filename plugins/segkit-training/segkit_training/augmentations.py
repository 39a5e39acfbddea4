"""Augmentations of one sample, as the network sees it: zero is what padding and most normalisations call the middle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from segkit import Task
from segkit_training.params import Blur, Gamma, Holes

Sample = tuple[torch.Tensor, torch.Tensor]
Change = Callable[[torch.Tensor, torch.Tensor, np.random.Generator], Sample]


def at_times(probability: float, change: Callable[[torch.Tensor, np.random.Generator], torch.Tensor]) -> Change:
    """Return an augmentation that changes so large a share of the images, and no mask."""

    def augment(image: torch.Tensor, mask: torch.Tensor, random: np.random.Generator) -> Sample:
        return (change(image, random) if random.random() < probability else image), mask

    return augment


def gamma(task: Task, params: Gamma) -> Change:
    """Raise the values, brought to 0 to 1 by the image's own range, to a random power."""

    def change(image: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        power = float((1 + params.limit) ** random.uniform(-1, 1))
        low, high = image.min(), image.max()
        span = (high - low).clamp_min(1e-6)
        return ((image - low) / span).clamp(0, 1) ** power * span + low

    return at_times(params.probability, change)


def blur(task: Task, params: Blur) -> Change:
    """Smooth with a Gaussian of a random width, along every axis."""

    def change(image: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        width = float(random.uniform(0.1, params.limit))
        reach = int(np.ceil(3 * width))
        places = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
        kernel = torch.exp(-0.5 * (places / width) ** 2)
        kernel = kernel / kernel.sum()
        smooth = image
        for axis in range(1, image.ndim):
            smooth = along(smooth, kernel, axis)
        return smooth

    return at_times(params.probability, change)


def along(image: torch.Tensor, kernel: torch.Tensor, axis: int) -> torch.Tensor:
    """Return an image (C, *S) convolved along one axis, its border repeated."""
    moved = image.movedim(axis, -1)
    rows = moved.reshape(-1, 1, moved.shape[-1])
    reach = len(kernel) // 2
    padded = functional.pad(rows, (reach, reach), mode="replicate")
    return functional.conv1d(padded, kernel.view(1, 1, -1)).reshape(moved.shape).movedim(-1, axis)


def holes(task: Task, params: Holes) -> Change:
    """Set boxes of the image to 0; what the mask says of them stays, so that the network fills in from around."""

    def change(image: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        image = image.clone()
        for _ in range(params.count):
            box = []
            for side in image.shape[1:]:
                length = max(1, int(side * random.uniform(0, params.limit)))
                start = int(random.integers(0, side - length + 1))
                box.append(slice(start, start + length))
            image[:, *box] = 0
        return image

    return at_times(params.probability, change)
