"""The random numbers of a sample's changes, from (seed, epoch, case index) alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Key = tuple[int, int, int]
"""(seed, epoch, case index)"""

# The place of each option among a sample's draws; stored results depend on it.
FLIP = (0, 1, 2)  # last axis, the one before it, the one before that
TRANSPOSE, WARP, ROTATION, SCALE = 3, 4, 5, 6
SHIFT = (7, 8, 9)  # axes as for FLIP
BRIGHTNESS, CONTRAST, SATURATION = 10, 11, 12
TILT = (13, 14)  # about the last axis, about the one before it
NOISE = 15
COLOUR = 16  # one for each channel from here on

# Spawn keys; 0 is that of an epoch's order, 2 that of where parts of volumes lie.
OPTIONS, NOISE_VALUES, DEFORMATION = 1, 3, 4


def draw(keys: Sequence[Key], channels: int) -> np.ndarray:
    """Return the uniform numbers in [0, 1) of each sample, (N, COLOUR + channels)."""
    return np.stack([generator(key, OPTIONS).random(COLOUR + channels) for key in keys])


def generator(key: Key, purpose: int) -> np.random.Generator:
    """Return a sample's source of randomness for one of the purposes above."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key, spawn_key=(purpose,))))


def symmetric(uniform: np.ndarray) -> np.ndarray:
    """Return numbers in -1 to 1 for those in 0 to 1."""
    return 2 * uniform - 1


def factor(limit: float, uniform: np.ndarray) -> np.ndarray:
    """Return (1 + limit) ** u with u in -1 to 1."""
    return (1 + limit) ** symmetric(uniform)
