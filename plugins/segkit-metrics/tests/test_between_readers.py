"""A tolerance as readers are apart, against plain formulas."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt

from segkit import Task, UsageError
from segkit_metrics.between_readers import tolerance_of_readers
from segkit_metrics.measure import measure
from segkit_metrics.params import SurfaceDiceParams
from segkit_metrics.surface import nsd
from segkit_metrics.tolerances import tolerances

ASKED = SurfaceDiceParams(tolerance="readers")
ONE = Task(1, ("lesion",))


def square(left: int, side: int = 12, label: int = 1) -> np.ndarray:
    """A mask with one square."""
    mask = np.zeros((40, 48), np.uint8)
    mask[10 : 10 + side, left : left + side] = label
    return mask


def edges(mask: np.ndarray) -> np.ndarray:
    """The plain formula of edge pixels."""
    return mask & ~binary_erosion(mask)


def plain_distances(masks: list[np.ndarray], spacing: tuple[float, float]) -> np.ndarray:
    """Distances of both directions, of every two masks together."""
    found = []
    for one, other in itertools.combinations(masks, 2):
        first, second = edges(one > 0), edges(other > 0)
        found += [distance_transform_edt(~second, spacing)[first], distance_transform_edt(~first, spacing)[second]]
    return np.concatenate(found)


def between(masks: list[np.ndarray], task: Task, spacing: tuple[float, float] | None) -> list:
    """What is measured of every two."""
    return [measure(one, other, spacing, task, {}) for one, other in itertools.combinations(masks, 2)]


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 2.0)])
def test_it_is_the_smallest_distance_within_which_95_percent_lie(spacing):
    """Of all edge pixels of all pairs together, by distance transforms; a step less holds fewer of them."""
    cases = [[square(8), square(9, 14), square(11)], [square(20), square(21, 10), square(20, 13)]]
    pairs = [one for masks in cases for one in between(masks, ONE, spacing)]
    [found] = tolerance_of_readers(ONE, ASKED, iter(pairs)).tolerance
    distances = np.concatenate([plain_distances(masks, spacing) for masks in cases])
    assert np.mean(distances <= found + 1e-9) >= 0.95 > np.mean(distances < found - 1e-9)
    assert np.isclose(distances, found).any()


def test_the_readers_themselves_then_reach_095():
    """Of one pair the score at that tolerance is the first of all that is at least 0.95, in both modes."""
    for mode in ("edge", "surfel"):
        params = replace(ASKED, mode=mode)
        [pair] = between([square(8), square(11, 15)], ONE, (1.0, 1.5))
        taken = tolerance_of_readers(ONE, params, [pair])
        assert nsd(ONE, taken)(pair)[0] >= 0.95
        assert nsd(ONE, replace(taken, tolerance=(taken.tolerance[0] - 1e-6,)))(pair)[0] < 0.95


def test_readers_who_agree_have_no_distance():
    """Zero, which is a tolerance."""
    assert tolerance_of_readers(ONE, ASKED, between([square(8), square(8)], ONE, None)).tolerance == (0.0,)


def test_a_class_that_one_of_two_lacks_takes_no_part():
    """Each class for itself; a tolerance without any pair is not a number."""
    task = Task(1, ("one", "two"))
    first, second = square(4), square(5)
    third = square(6) + square(30, 6, label=2)
    found = tolerance_of_readers(task, ASKED, between([first, second, third], task, None)).tolerance
    alone = tolerance_of_readers(ONE, ASKED, between([square(4), square(5), square(6)], ONE, None)).tolerance
    assert found[0] == alone[0]
    assert np.isnan(found[1])


def test_what_cannot_be_meant():
    """A table beside it, and no data to take it from."""
    with pytest.raises(UsageError, match="both table=flare22 and tolerance=readers"):
        tolerance_of_readers(ONE, replace(ASKED, table="flare22"), [])
    with pytest.raises(UsageError, match="taken from data"):
        tolerances(("lesion",), ASKED)
