"""What augmentation does to samples, drawn and worked out before their images are at hand.

What a sample becomes does not depend on the batch it is in, on the number of workers or on the other options: every
option has its own numbers among a sample's draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from segkit.data.draws import (
    BRIGHTNESS,
    COLOUR,
    CONTRAST,
    FLIP,
    NOISE,
    NOISE_VALUES,
    SATURATION,
    TRANSPOSE,
    WARP,
    Key,
    draw,
    factor,
    generator,
    symmetric,
)
from segkit.data.warp import affine, bend, deformation, mirrored, source_positions
from segkit.settings import Augment

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


@dataclass(frozen=True)
class Changes:
    """What is done to N images (C, *S) and their masks; None: not that.

    Attributes:
        keys: (seed, epoch, case index) of each sample.
        flips: (N, dims), which axes are flipped; `swapped`: (N,), whether the last two are swapped after it. Both are
            False for warped samples, whose warp includes them.
        warped: (N,), which samples are warped.
        matrices: (N, dims, dims + 1), the affine map of the warp: see `affine`.
        positions: (N, dims, sum of S) float32: what each place along each axis adds to where a pixel is taken from, in
            the units and the order of torch's grid_sample.
        bends: (n, dims, *S) float32, added to the positions of the warped samples.
        pixel, grey, mean, added: (N, C) float32; a pixel times the first, its grey times the second and the image's
            mean times the third are summed with the fourth.
        deviation: (N,), that of the noise.
        noise: (N, C, *S) float32, added to normalised images.
    """

    keys: tuple[Key, ...]
    flips: np.ndarray
    swapped: np.ndarray
    warped: np.ndarray
    matrices: np.ndarray
    positions: torch.Tensor
    bends: torch.Tensor | None = None
    pixel: torch.Tensor | None = None
    grey: torch.Tensor | None = None
    mean: torch.Tensor | None = None
    added: torch.Tensor | None = None
    deviation: np.ndarray | None = None
    noise: torch.Tensor | None = None

    def part(self, start: int, stop: int) -> Changes:
        """Return those of some of the samples, before fields are drawn."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        parts: dict[str, Any] = {name: value[start:stop] for name, value in values if value is not None}
        return Changes(**parts)

    def each(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Changes:
        """Return the same with every tensor passed through a function, such as one that moves it to a device."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        moved: dict[str, Any] = {name: function(value) for name, value in values if isinstance(value, torch.Tensor)}
        return replace(self, **moved)


def draw_changes(
    keys: Sequence[Key], settings: Augment, shape: Sequence[int], spacing: tuple[float, ...] | None = None
) -> Changes:
    """Draw what becomes of samples, but for what has a value at every pixel.

    Without the smooth deformation a warp is rigid up to its scale: on the grid, or in mm where `spacing` is given.
    Factors are (1 + range) ** u with u uniform in -1 to 1.

    Args:
        keys: (seed, epoch, case index) of each sample.
        shape: (C, *S) of each image.
        spacing: mm per voxel along each axis of S.
    """
    channels, *sides = shape
    numbers = draw(keys, channels)
    flips, swapped = draw_mirrors(numbers, settings, sides)
    moves = settings.rotation or settings.tilt or settings.scale or settings.shift or settings.elastic
    warped = (numbers[:, WARP] < settings.warp) & bool(moves)
    matrices = mirrored(affine(numbers, settings, tuple(sides), spacing), flips, swapped)
    return Changes(
        keys=tuple(keys),
        flips=flips & ~warped[:, None],
        swapped=swapped & ~warped,
        warped=warped,
        matrices=matrices,
        positions=torch.from_numpy(source_positions(matrices, tuple(sides))),
        deviation=settings.noise * numbers[:, NOISE] if settings.noise else None,
        **draw_colours(numbers, settings, channels),
    )


def draw_fields(changes: Changes, settings: Augment, shape: Sequence[int]) -> Changes:
    """Add what has a value at every pixel: the noise and the smooth deformation."""
    bends, noise = None, None
    if changes.deviation is not None:
        values = np.stack(
            [generator(key, NOISE_VALUES).standard_normal(tuple(shape), np.float32) for key in changes.keys]
        )
        values *= changes.deviation.astype(np.float32).reshape(-1, *[1] * len(shape))
        noise = torch.from_numpy(values)
    if settings.elastic and changes.warped.any():
        sides = tuple(shape[1:])
        moves = [
            bend(changes.matrices[sample], deformation(changes.keys[sample], settings.elastic, sides))
            for sample in np.flatnonzero(changes.warped).tolist()
        ]
        bends = torch.from_numpy(np.stack(moves))
    return replace(changes, bends=bends, noise=noise)


def draw_mirrors(numbers: np.ndarray, settings: Augment, sides: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return which axes of each sample are flipped (N, dims) and whether the last two are swapped after it (N,)."""
    places = [FLIP[len(sides) - 1 - axis] for axis in range(len(sides))]
    square = sides[-1] == sides[-2]
    flips = numbers[:, places] < np.array(settings.flips(len(sides)))
    return flips, (numbers[:, TRANSPOSE] < settings.transpose) & square


def draw_colours(numbers: np.ndarray, settings: Augment, channels: int) -> dict[str, torch.Tensor]:
    """Return brightness, contrast, saturation and colour, in this order, as one map: see `Changes`."""
    if not (settings.brightness or settings.contrast or settings.saturation or settings.colour):
        return {}
    brightness = settings.brightness * symmetric(numbers[:, BRIGHTNESS, None])
    contrast = factor(settings.contrast, numbers[:, CONTRAST, None])
    colour = factor(settings.colour, numbers[:, COLOUR : COLOUR + channels])
    has_grey = settings.saturation > 0 and channels == len(LUMA)
    saturation = factor(settings.saturation if has_grey else 0, numbers[:, SATURATION, None])
    found = {"pixel": colour * saturation * contrast, "added": colour * brightness}
    if settings.contrast:
        found["mean"] = colour * (1 - contrast)
    if has_grey:
        found["grey"] = colour * (1 - saturation) * contrast
    return {name: torch.from_numpy(values.astype(np.float32)) for name, values in found.items()}
