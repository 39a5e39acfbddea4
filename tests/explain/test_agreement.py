"""Figures beside a mask, against counting and scikit-learn's definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from segkit.explain.agreement import auroc, energy_inside, pointing, spearman

MASK = np.zeros((6, 6), bool)
MASK[1:4, 2:5] = True


@settings(max_examples=40, deadline=None)
@given(arrays(np.int8, (4, 5), elements=st.integers(0, 4)), arrays(bool, (4, 5)))
def test_auroc_is_the_share_of_ordered_pairs(heat, inside):
    """Every pair of a pixel inside and one outside is counted, ties half."""
    value = auroc(heat.astype(np.float32), inside)
    if not inside.any() or inside.all() or np.ptp(heat) == 0:
        assert value is None
        return
    pairs = heat[inside][:, None].astype(int) - heat[~inside][None]
    assert value == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_controls():
    """The mask itself is perfect, its inverse the opposite, a constant map undefined rather than chance."""
    heat = MASK.astype(np.float32)
    assert (auroc(heat, MASK), energy_inside(heat, MASK), pointing(heat, MASK)) == (1.0, 1.0, 1.0)
    assert (auroc(1 - heat, MASK), energy_inside(1 - heat, MASK), pointing(1 - heat, MASK)) == (0.0, 0.0, 0.0)
    for value in (0.0, 0.3):
        constant = np.full((6, 6), value, np.float32)
        assert auroc(constant, MASK) is None
        assert pointing(constant, MASK) is None
        assert spearman(constant, heat) is None
    assert energy_inside(np.zeros((6, 6)), MASK) is None


def test_of_tied_maxima_pointing_gives_the_share_inside():
    """Two hottest pixels, one of them inside."""
    heat = np.zeros((6, 6))
    heat[2, 3] = heat[5, 5] = 2.0
    assert pointing(heat, MASK) == 0.5


def test_spearman_is_scipys():
    """With ties."""
    generator = np.random.default_rng(0)
    one, other = generator.integers(0, 9, (2, 8, 8))
    assert spearman(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic)
