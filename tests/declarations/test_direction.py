"""Which values are better, for all that ranks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segkit import Metric
from segkit.declarations.direction import Direction

BIAS = {"name": "bias", "measure": "a:b", "factory": "a:c", "summary": "Signed.", "range": (-1.0, math.inf)}


def test_of_a_target_the_distance_is_ranked():
    """Too much and too little are alike, and smaller distances are better, whatever higher_is_better says."""
    direction = Metric(**BIAS, target=0.25).direction
    assert direction == Direction(True, 0.25)
    assert not direction.higher
    assert direction.comparable(np.array([0.0, 0.5, 0.25])).tolist() == [0.25, 0.25, 0.0]
    assert direction.comparable(-math.inf) == math.inf
    assert direction.named("bias") == "distance of bias from 0.25"
    assert direction.described() == "0.25 is best"


@pytest.mark.parametrize("higher", [True, False])
def test_without_a_target_values_are_ranked_as_they_are(higher):
    """What was declared before there were targets means what it meant."""
    direction = Metric(**BIAS, higher_is_better=higher).direction
    values = np.array([0.0, -0.5])
    assert direction.comparable(values) is values
    assert direction.higher is higher
    assert direction.named("bias") == "bias"


@pytest.mark.parametrize("target", [-1.5, math.nan, math.inf])
def test_a_target_is_a_number_in_the_range(target):
    """Nothing could reach another."""
    with pytest.raises(ValueError, match="target must be a number in its range"):
        Metric(**BIAS, target=target)
