from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segkit.data.grid import nearest_indices, triangle_weights

lengths = st.integers(1, 200)


@given(lengths, lengths)
def test_nearest_index_is_the_pixel_that_holds_the_centre(length, size):
    """Each new centre, in exact fractions, lies in the source pixel that was chosen."""
    for index, chosen in enumerate(nearest_indices(length, size)):
        centre = Fraction(2 * index + 1, 2 * size) * length
        assert chosen <= centre < chosen + 1


@given(lengths, lengths)
def test_weights_are_a_mean_that_keeps_straight_lines(length, size):
    """Rows are non-negative, sum to 1, and away from the border a ramp stays the same ramp."""
    weights = triangle_weights(length, size).toarray()
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    centres = (np.arange(size) + 0.5) * length / size
    reach = max(length / size, 1)
    inside = (centres - reach >= 0) & (centres + reach <= length)
    # A discrete triangle's centre of mass may miss its tip by a fraction of a pixel, never by more.
    np.testing.assert_allclose((weights @ (np.arange(length) + 0.5))[inside], centres[inside], atol=0.26)


@pytest.mark.parametrize(("length", "size"), [(7, 21), (5, 10), (10, 40)])
def test_weights_of_enlarging_are_numpys_linear_interpolation(length, size):
    """Between the first and last centre it is np.interp at half-pixel positions, beyond them the border's value."""
    values = np.random.default_rng(0).random(length)
    expected = np.interp((np.arange(size) + 0.5) * length / size, np.arange(length) + 0.5, values)
    np.testing.assert_allclose(triangle_weights(length, size) @ values, expected, atol=1e-6)
