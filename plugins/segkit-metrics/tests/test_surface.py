"""Surface distances against closed forms, a plain double loop and their algebra."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage
from scipy.spatial.distance import cdist

from segkit import Task
from segkit_metrics import measure, nearest, surface
from segkit_metrics.boxes import class_boxes
from segkit_metrics.distances import AREAS, EDGES, SURFELS
from segkit_metrics.edges import edge_voxels
from segkit_metrics.params import DistanceParams, Hd95Params, SurfaceDiceParams
from segkit_metrics.surfels import surface_elements

TASK = Task(1, ("a", "b"))
some = settings(deadline=None, max_examples=40)
spacings = st.sampled_from([0.5, 0.7, 1.0, 2.0, 3.3])
MAKERS = {
    "hd": lambda **said: surface.hd(TASK, DistanceParams(**said)),
    "hd95 max": lambda **said: surface.hd95(TASK, Hd95Params(mode="max", **said)),
    "hd95 pooled": lambda **said: surface.hd95(TASK, Hd95Params(mode="pooled", **said)),
    "hd95 surfel": lambda **said: surface.hd95(TASK, Hd95Params(mode="surfel", **said)),
    "assd": lambda **said: surface.assd(TASK, DistanceParams(**said)),
    "masd": lambda **said: surface.masd(TASK, DistanceParams(**said)),
}
SHARES = {mode: surface.nsd(TASK, SurfaceDiceParams(mode=mode, tolerance=(1.0,))) for mode in ("edge", "surfel")}


@st.composite
def cases(draw, labels=(0, 1, 2)):
    """A prediction, a mask and a spacing, 2D or 3D."""
    shape = draw(arrays.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))
    maps = [draw(arrays.arrays(np.uint8, shape, elements=st.sampled_from(labels))) for _ in range(2)]
    return *maps, tuple(draw(spacings) for _ in shape)


def measured(prediction, mask, spacing=None):
    """The measurement of one case."""
    return measure.measure(np.asarray(prediction), np.asarray(mask), spacing, TASK, {})


def all_scores(prediction, mask, spacing):
    """Every distance and share of one case, (metrics, classes)."""
    found = measured(prediction, mask, spacing)
    return np.stack([score(found) for score in (*(make() for make in MAKERS.values()), *SHARES.values())])


def edge_points(inside, spacing):
    """Edge voxels in mm, by scipy's erosion."""
    edge = inside & ~ndimage.binary_erosion(inside, border_value=0)
    return np.argwhere(edge) * np.asarray(spacing)


@some
@given(cases())
def test_distances_equal_a_plain_search(case):
    """Every edge voxel's distance is the smallest of all distances to the other's edge voxels."""
    prediction, mask, spacing = case
    found = measured(*case)
    for label in (1, 2):
        p, m = edge_points(prediction == label, spacing), edge_points(mask == label, spacing)
        there, back = (found.distances[name][label - 1] for name in EDGES)
        if not len(p) or not len(m):
            assert np.isinf(there).all()
            assert np.isinf(back).all()
            assert (len(there), len(back)) == (len(p), len(m))
            continue
        table = cdist(p, m)
        np.testing.assert_allclose(there, table.min(axis=1), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(back, table.min(axis=0), rtol=1e-9, atol=1e-9)


@some
@given(cases())
def test_tree_and_transform_agree(case):
    """Both ways to search give the same distances to 1e-9, between edge voxels and between surface elements."""
    prediction, mask, spacing = case
    for label in (1, 2):
        boxes = [class_boxes(labels, 2)[label - 1] for labels in (prediction, mask)]
        assume(None not in boxes)
        parts = [
            (labels[box] == label, [side.start for side in box])
            for labels, box in zip((prediction, mask), boxes, strict=True)
        ]
        for pair in ([edge_voxels(*part) for part in parts], [surface_elements(*part, spacing)[0] for part in parts]):
            by_tree, by_transform = (nearest.distances(*pair, spacing, way) for way in ("tree", "transform"))
            np.testing.assert_allclose(by_tree, by_transform, rtol=1e-9, atol=1e-9)


@some
@given(cases())
def test_symmetric(case):
    """Prediction and mask may change places."""
    prediction, mask, spacing = case
    np.testing.assert_allclose(all_scores(*case), all_scores(mask, prediction, spacing), rtol=1e-12)


@some
@given(cases(), st.integers(0, 1))
def test_flips_and_transposes_change_nothing(case, axis):
    """The grid's orientation does not matter, as long as the spacing turns with it."""
    prediction, mask, spacing = case
    expected = all_scores(*case)
    flipped = all_scores(np.flip(prediction, axis), np.flip(mask, axis), spacing)
    np.testing.assert_allclose(flipped, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(all_scores(prediction.T, mask.T, spacing[::-1]), expected, rtol=1e-9, atol=1e-12)


@some
@given(cases())
def test_scores_follow_a_permutation_of_labels(case):
    """Renaming the classes permutes the scores."""
    prediction, mask, spacing = case
    table = np.array([0, 2, 1], np.uint8)
    np.testing.assert_array_equal(all_scores(table[prediction], table[mask], spacing)[:, ::-1], all_scores(*case))


@some
@given(cases(), st.integers(1, 3))
def test_padding_with_background_changes_nothing(case, width):
    """Outside of the image is background already."""
    prediction, mask, spacing = case
    padded = all_scores(np.pad(prediction, width), np.pad(mask, width), spacing)
    np.testing.assert_allclose(padded, all_scores(*case), rtol=1e-9, atol=1e-12)


@some
@given(cases())
def test_ranges_and_order(case):
    """Distances are at least 0, hd95 and the means at most hd, shares from 0 to 1; a missed structure is never NaN."""
    found = measured(*case)
    hd = MAKERS["hd"]()(found)
    for name in ("hd95 max", "hd95 pooled", "assd", "masd"):
        value = MAKERS[name]()(found)
        some_class = ~np.isnan(hd)
        assert (value[some_class] >= 0).all(), name
        assert (value[some_class] <= hd[some_class] * (1 + 1e-12)).all(), name
    one_sided = (found.reference > 0) != (found.predicted > 0)
    assert np.isinf(hd[one_sided]).all()
    for score in SHARES.values():
        value = score(found)
        assert ((value >= 0) & (value <= 1 + 1e-12) | np.isnan(value)).all()
        assert (value[one_sided] == 0).all()


@some
@given(cases(), st.sampled_from(["edge", "surfel"]))
def test_nsd_grows_with_the_tolerance(case, mode):
    """A larger tolerance never lowers the share; an endless one is 1."""
    found = measured(*case)
    values = [
        surface.nsd(TASK, SurfaceDiceParams(mode=mode, tolerance=(tolerance,)))(found)
        for tolerance in (0.0, 0.5, 1.0, 2.5, 1e9)
    ]
    both = (found.reference > 0) & (found.predicted > 0)
    steps = np.diff(np.stack(values)[:, both], axis=0)
    assert (steps >= -1e-12).all()
    np.testing.assert_allclose(values[-1][both], 1)


@some
@given(cases(), st.sampled_from([0.1, 2.0, 30.0]))
def test_spacing_scales_distances(case, factor):
    """Voxels twice as large make every distance twice as large."""
    prediction, mask, spacing = case
    larger = measured(prediction, mask, tuple(step * factor for step in spacing))
    for name, make in MAKERS.items():
        expected = make()(measured(*case)) * factor
        np.testing.assert_allclose(make()(larger), expected, rtol=1e-9, err_msg=name)


def test_closed_form_in_an_anisotropic_volume():
    """Two voxels 2 slices of 5 mm and 3 columns of 0.8 mm apart."""
    prediction, mask = np.zeros((2, 6, 7, 8), np.uint8)
    mask[1, 2, 3], prediction[3, 2, 6] = 1, 1
    found = measured(prediction, mask, (5.0, 0.8, 0.8))
    for name in ("hd", "hd95 max", "hd95 pooled", "assd", "masd", "hd95 surfel"):
        assert MAKERS[name]()(found)[0] == pytest.approx(math.hypot(10, 2.4), rel=1e-12), name


def test_without_a_spacing_distances_are_in_pixels():
    """None is one pixel per axis."""
    prediction, mask = np.zeros((2, 9, 9), np.uint8)
    mask[1, 1], prediction[4, 5] = 1, 1
    assert MAKERS["hd"]()(measured(prediction, mask))[0] == 5


@pytest.mark.parametrize("name", MAKERS)
def test_conventions_of_distances(name):
    """Missed and spurious are inf, NaN or the diagonal; both empty is NaN or 0."""
    missed = measured([[0, 2, 0, 0]], [[1, 0, 0, 0]], (3.0, 1.0))
    assert MAKERS[name]()(missed).tolist() == [math.inf, math.inf]
    assert np.isnan(MAKERS[name](missed="nan")(missed)).all()
    assert MAKERS[name](missed="diagonal")(missed).tolist() == [5.0, 5.0]
    empty = measured([[0, 0]], [[0, 0]])
    assert np.isnan(MAKERS[name]()(empty)).all()
    assert MAKERS[name](both_empty="0")(empty).tolist() == [0, 0]


@pytest.mark.parametrize("mode", ["edge", "surfel"])
def test_conventions_of_nsd(mode):
    """A missed or a spurious structure scores 0; both empty is what is said."""
    score = surface.nsd(TASK, SurfaceDiceParams(mode=mode, both_empty="1"))
    assert score(measured([[0, 2, 0, 0]], [[1, 0, 0, 0]])).tolist() == [0, 0]
    assert score(measured([[0, 0]], [[0, 0]])).tolist() == [1, 1]


def test_ignored_pixels_are_background_on_both_sides():
    """What is predicted where the mask is 255 makes no edge."""
    mask = np.array([[1, 1, 0, 0, 0, 255, 255, 255]], np.uint8)
    prediction = np.array([[1, 1, 0, 0, 0, 0, 1, 1]], np.uint8)
    assert MAKERS["hd"]()(measured(prediction, mask))[0] == 0


def test_the_image_border_is_an_edge():
    """A class that fills the image has its rim as its edge, and nothing else."""
    full = np.ones((5, 6), np.uint8)
    assert len(measured(full, full).distances[EDGES[0]][0]) == 5 * 6 - 3 * 4


def test_distances_are_measured_once_and_only_when_asked_for(monkeypatch):
    """A score of counts measures no distance; two scores of distances share them."""
    calls = []
    original = nearest.distances
    monkeypatch.setattr(nearest, "distances", lambda *args: calls.append(1) or original(*args))
    found = measured(np.eye(4, dtype=np.uint8), np.eye(4, dtype=np.uint8))
    assert set(found.distances) == {*EDGES, *SURFELS, *AREAS}
    assert found.reference[0] == 4
    assert calls == []
    for name in ("hd", "assd", "hd95 max"):
        MAKERS[name]()(found)
    assert len(calls) == 2 * len(TASK.classes)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int64])
def test_label_maps_of_any_type(dtype):
    """Label maps of any integer type measure alike, contiguous or not."""
    generator = np.random.default_rng(0)
    maps = generator.integers(0, 2, (2, 12, 10)).astype(dtype)
    expected = MAKERS["assd"]()(measured(*(np.ascontiguousarray(m[:, ::2]).astype(np.uint8) for m in maps)))
    np.testing.assert_array_equal(MAKERS["assd"]()(measured(*(m[:, ::2] for m in maps))), expected)
