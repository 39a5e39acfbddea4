"""Boxes around what is marked, and counts of much and little foreground."""

import numpy as np
import pytest

from segkit import IGNORE
from segkit_metrics.boxes import occupied_box
from segkit_metrics.measure import confusion


def test_the_box_is_that_of_all_marked_elements():
    """Drawn arrays of one to four axes, some without any element."""
    draw = np.random.default_rng(0)
    for _ in range(500):
        marked = draw.random(tuple(draw.integers(0, 6, draw.integers(1, 5)))) < draw.random() ** 3
        places = np.argwhere(marked)
        ends = zip(places.min(axis=0), places.max(axis=0), strict=True) if len(places) else ()
        expected = tuple(slice(int(first), int(last) + 1) for first, last in ends)
        assert occupied_box(marked) == (expected or None)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.9])
def test_counts_of_much_and_little_foreground(share):
    """Every pair of labels, counted one by one; ignored pixels are in no row."""
    draw = np.random.default_rng(1)
    prediction, mask = (np.where(draw.random((3, 40, 41)) < share, draw.integers(1, 4, (3, 40, 41)), 0) for _ in "pm")
    prediction[0, 0, 0], mask[0, 0, 0], mask[2, -1, :5] = 3, 3, IGNORE
    expected = [[((mask == row) & (prediction == column)).sum() for column in range(4)] for row in range(4)]
    np.testing.assert_array_equal(confusion(prediction.astype(np.uint8), mask.astype(np.uint8), 4), expected)
