"""Filling outlines, against rasterisers that others wrote."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path
from pycocotools import mask as coco_mask

from segkit_coco import polygons
from segkit_coco.polygons import TooManyCornersError, fill

SEEDS = st.integers(0, 2**32 - 1)


def filled(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Fill on a whole image."""
    pixels = np.zeros(shape, bool)
    patch = fill(np.asarray(points, np.float64), shape)
    pixels[patch.window] = patch.inside
    return pixels


def by_matplotlib(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Which pixels have their centre inside, by matplotlib's test of points."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    return Path(points).contains_points(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(shape)


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, corners=st.integers(3, 40), shape=st.tuples(st.integers(1, 50), st.integers(1, 50)))
def test_centres_inside(seed, corners, shape):
    """Any outline, crossing itself and reaching out of the image, marks the pixels whose centres are inside."""
    points = np.random.default_rng(seed).uniform(-20, 70, (corners, 2))
    assert np.array_equal(filled(points, shape), by_matplotlib(points, shape))


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, corners=st.integers(3, 30))
def test_as_cocos_own_library(seed, corners):
    """COCO's library, which walks along the outline in fifths of a pixel, differs in pixels of the outline only."""
    rng = np.random.default_rng(seed)
    angles, radius = np.sort(rng.uniform(0, 2 * np.pi, corners)), rng.uniform(10, 25, corners)
    points = 32 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ours = filled(points, (64, 64))
    theirs = coco_mask.decode(coco_mask.frPyObjects([points.ravel().tolist()], 64, 64))[..., 0] > 0
    edges = np.linspace(points, np.roll(points, -1, axis=0), 400).reshape(-1, 2)
    for row, column in np.argwhere(ours != theirs):
        assert np.hypot(*(edges - (column + 0.5, row + 0.5)).T).min() < 1.0
    assert abs(int(ours.sum()) - int(theirs.sum())) <= 0.2 * np.hypot(*np.diff(edges, axis=0).T).sum() + 4


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, corners=st.integers(0, 12))
def test_neighbours_share_no_pixel(seed, corners):
    """Two outlines along one line cover the image without a gap or an overlap, whichever way they are drawn."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([[rng.uniform(0, 20)], rng.uniform(0, 20, corners), [rng.uniform(0, 20)]])
    y = np.concatenate([[0.0], np.sort(rng.choice([rng.uniform(0, 15), 3.5, 7.0], corners)), [15.0]])
    line = np.stack([x, y], axis=1)
    left = filled(np.concatenate([line, [[0, 15], [0, 0]]]), (15, 20))
    right = filled(np.concatenate([[[20, 0], [20, 15]], line[::-1]]), (15, 20))
    assert np.array_equal(left, ~right)


def test_squares():
    """A square along the pixels' edges is those pixels; from centre to centre it has one column and row less."""
    assert np.argwhere(filled([[2, 1], [6, 1], [6, 5], [2, 5]], (8, 12))).tolist() == [
        [row, column] for row in range(1, 5) for column in range(2, 6)
    ]
    assert filled([[0.5, 0.5], [3.5, 0.5], [3.5, 3.5], [0.5, 3.5]], (8, 8)).sum() == 9


def test_nothing_to_mark():
    """Lines, points, and outlines beside the image mark nothing."""
    for points in ([[1, 1], [5, 5], [1, 1]], [[2, 2]] * 3, [[20, 1], [30, 1], [30, 9]], [[1, -9], [5, -9], [5, -1]]):
        assert not filled(np.array(points), (8, 8)).any()


def test_many_corners(monkeypatch):
    """Crossings are counted in parts with the same result, and refused where they would take for ever."""
    points = np.random.default_rng(0).uniform(0, 40, (500, 2))
    at_once = filled(points, (40, 40))
    monkeypatch.setattr(polygons, "AT_ONCE", 100)
    assert np.array_equal(filled(points, (40, 40)), at_once)
    monkeypatch.setattr(polygons, "MOST_CROSSINGS", 100)
    with pytest.raises(TooManyCornersError, match="rows of pixels"):
        filled(points, (40, 40))
