"""Pairs of masks drawn by integers alone, so that they are the same on every machine and in every version."""

import numpy as np
import pytest

SHAPES = {2: (40, 47), 3: (18, 23, 21)}


def draw_pair(seed):
    """Return a prediction and a mask (*S) bool of blobs and rings: 2D for even seeds, 3D for odd ones."""
    draw = np.random.default_rng(seed)
    shape = SHAPES[2 + seed % 2]
    grid = np.indices(shape)
    predicted, reference = np.zeros(shape, bool), np.zeros(shape, bool)
    for _ in range(draw.integers(1, 9)):
        centre = [int(draw.integers(0, side)) for side in shape]
        radius, hole = int(draw.integers(1, 7)), int(draw.integers(0, 4))
        moved = [at + int(draw.integers(-2, 3)) for at in centre]
        fate = int(draw.integers(0, 8))
        for side, middle, taken in ((reference, centre, fate != 0), (predicted, moved, fate != 1)):
            squares = sum((axis - at) ** 2 for axis, at in zip(grid, middle, strict=True))
            if taken:
                side |= (squares <= radius**2) & (squares >= hole**2 * (fate % 2))
    for side in (predicted, reference):
        side ^= draw.integers(0, 400, shape) == 0
    return predicted, reference


@pytest.fixture(scope="session")
def drawn():
    """The function that draws a pair from its number."""
    return draw_pair
