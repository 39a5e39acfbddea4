"""Probabilities drawn by integers alone, so that they are the same on every machine and in every version."""

import numpy as np
import pytest

SHAPE = (30, 40)


def draw_probabilities(seed):
    """Return probabilities (K, *S) float32 that sum to 1, and labels (*S) uint8: K - 1 classes and background.

    Of large numbers, so that none lies on a bin's edge: libraries differ in which bin that is.
    """
    draw = np.random.default_rng(seed)
    labels = 2 + seed % 3
    weights = draw.integers(1, 1_000_003, (labels, *SHAPE)) ** draw.integers(1, 4)
    probabilities = (weights / weights.sum(axis=0)).astype(np.float32)
    sure = draw.integers(0, 10, SHAPE) < draw.integers(2, 9)
    mask = np.where(sure, probabilities.argmax(axis=0), draw.integers(0, labels, SHAPE))
    return probabilities, mask.astype(np.uint8)


@pytest.fixture(scope="session")
def drawn():
    """The function that draws a case from its number."""
    return draw_probabilities
