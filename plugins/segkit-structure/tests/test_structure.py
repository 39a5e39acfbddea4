"""Closed forms and conventions of the metrics of structure."""

import numpy as np
import pytest
from scipy import ndimage

import segkit_structure
from segkit import Task
from segkit.declarations import resolve
from segkit.engine.measure import ChosenMetric
from segkit.params import build
from segkit_structure import bands, measure, runs, topology

METRICS = {metric.name: metric for metric in segkit_structure.segkit_metrics()}
TASK = Task(1, ("a", "b"))


def chosen(name, **params):
    """A metric as a run builds it."""
    declared = METRICS[name]
    built = build(declared.params, params, name)
    return ChosenMetric(declared, built, measure.measure, resolve(declared.factory, name)(TASK, built))


def score(name, prediction, mask, spacing=None, **params):
    """What a metric answers per class."""
    metric = chosen(name, **params)
    return metric.score(measure.measure(np.asarray(prediction), np.asarray(mask), spacing, TASK, {}))


def test_the_conventions_are_in_the_name():
    """Connectivity, rule and threshold are said with every score, a preset's too."""
    said = chosen("lesion-f1", preset="lits").convention
    for part in ("connectivity=faces", "matching=merged", "overlap=iou", "threshold=0.5", "equal_counts=false"):
        assert part in said
    assert "matching=greedy" in chosen("lesion-f1", preset="lits", matching="greedy").convention


@pytest.mark.parametrize("name", METRICS)
def test_empty_missed_and_spurious(name):
    """Both sides without a class: nan, or what is asked for; one side alone: the worst value."""
    nothing, something = np.zeros((6, 7), np.uint8), np.zeros((6, 7), np.uint8)
    something[2:4, 2:5] = 1
    assert np.isnan(score(name, nothing, nothing)).all()
    assert score(name, nothing, nothing, both_empty="0").tolist() == [0, 0]
    worst = 0 if METRICS[name].higher_is_better else 1
    for pair in ((nothing, something), (something, nothing)):
        assert score(name, *pair)[0] == worst
        assert np.isnan(score(name, *pair)[1])


def test_lesions_of_one_row():
    """Three lesions, one found well, one at IoU 0.5 exactly, one missed; one spurious."""
    mask, prediction = np.zeros((2, 1, 30), np.uint8)
    mask[0, 0:4] = mask[0, 6:8] = mask[0, 12:14] = 1
    prediction[0, 0:4] = prediction[0, 6] = prediction[0, 20:22] = 1
    assert score("lesion-f1", prediction, mask)[0] == pytest.approx(2 * 2 / 6)
    assert score("lesion-f1", prediction, mask, equal_counts=False)[0] == pytest.approx(2 * 1 / 6)
    assert score("lesion-f1", prediction, mask, minimum_size=2)[0] == pytest.approx(2 * 1 / 5)
    assert score("panoptic-quality", prediction, mask)[0] == pytest.approx((1 + 0.5) / 3)
    assert score("lesion-count-error", prediction, mask)[0] == 0
    assert score("lesion-count-error", prediction, mask, minimum_size=2)[0] == 1


def test_greedy_and_bipartite_disagree_where_they_should():
    """One predicted lesion over two of the mask's and a poor second one: the largest sum takes both."""
    mask, prediction = np.zeros((2, 1, 30), np.uint8)
    mask[0, 0:6] = 1  # shares 5 with the first, 1 with the second: IoU 5/11 and 1/6
    prediction[0, 0] = 1
    mask[0, 7:13] = 1
    prediction[0, 2:11] = 1
    params = {"overlap": "dice", "threshold": 1e-6}
    assert score("lesion-f1", prediction, mask, matching="greedy", **params)[0] == pytest.approx(2 / 4)
    assert score("lesion-f1", prediction, mask, matching="bipartite", **params)[0] == pytest.approx(1)
    assert score("lesion-f1", prediction, mask, matching="touch", **params)[0] == pytest.approx(1)


def test_merged_lesions_count_as_one():
    """Two lesions of the mask under one predicted are one that is found."""
    mask, prediction = np.zeros((2, 1, 30), np.uint8)
    mask[0, 0:4] = mask[0, 5:9] = 1
    prediction[0, 0:9] = 1
    assert score("lesion-f1", prediction, mask, matching="merged")[0] == 1
    assert score("lesion-f1", prediction, mask)[0] == 0


def test_many_lesions_need_no_table_of_all_with_all():
    """A checkerboard of 20,000 lesions matched by the largest sum."""
    mask = np.zeros((400, 400), np.uint8)
    mask[::2, ::2] = 1
    prediction = mask.copy()
    prediction[::4] = 0
    values = score("lesion-f1", prediction, mask, matching="bipartite", connectivity="faces")
    assert values[0] == pytest.approx(2 * 20_000 / 60_000)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_band_of_steps_is_erosions(steps):
    """What that many erosions by a square take away, the image's rim being outside, as Cheng et al. do."""
    inside = ndimage.gaussian_filter(np.random.default_rng(steps).random((30, 41)), 3) > 0.5
    eroded = ndimage.binary_erosion(inside, np.ones((3, 3)), iterations=steps)
    np.testing.assert_array_equal(bands.band(inside, "steps", steps, (1, 1)), inside & ~eroded)


def test_a_band_in_mm_goes_by_the_spacing():
    """Half a mm along one axis, two along the other."""
    inside = np.ones((9, 40), bool)
    band = bands.band(inside, "mm", 2.0, (2.0, 0.5))
    assert band[0].all()
    assert band[4, :4].all()
    assert not band[4, 4:36].any()


def test_boundary_iou_of_a_square_in_a_square():
    """Bands of one voxel: 4 x 9 - 4 of them common, of 2 x 32 in all."""
    mask, prediction = np.zeros((2, 20, 20), np.uint8)
    mask[2:11, 2:11] = 1
    prediction[2:11, 2:12] = 1
    first, second = (bands.band(side == 1, "mm", 1.0, (1, 1)) for side in (prediction, mask))
    expected = (first & second).sum() / (first | second).sum()
    assert score("boundary-iou", prediction, mask, width=1.0)[0] == pytest.approx(expected)
    assert score("boundary-iou", mask, mask)[0] == 1


def test_boundary_f1_of_a_shift():
    """A line moved by three pixels is right from a tolerance of three on."""
    mask, prediction = np.zeros((2, 20, 20), np.uint8)
    mask[5], prediction[8] = 1, 1
    assert score("boundary-f1", prediction, mask, tolerance=2.9)[0] == 0
    assert score("boundary-f1", prediction, mask, tolerance=3)[0] == 1
    assert score("boundary-f1", prediction, mask, spacing=(2.0, 1.0), tolerance=3)[0] == 0


def test_known_shapes_have_known_betti_numbers():
    """A ring, a torus and a shell."""
    ring = np.zeros((9, 9), bool)
    ring[1:8, 1:8] = True
    ring[3:6, 3:6] = False
    assert topology.betti(ring, full=True) == topology.betti(ring, full=False) == (1, 1, 0)
    torus = np.zeros((5, 9, 9), bool)
    torus[1:4] = ring
    shell = np.ones((7, 7, 7), bool)
    shell[2:5, 2:5, 2:5] = False
    for full in (True, False):
        assert topology.betti(torus, full) == (1, 1, 0)
        assert topology.betti(shell, full) == (1, 0, 1)


def test_corners_hang_together_or_not():
    """Two voxels that touch by a corner."""
    corner = np.eye(2, dtype=bool)
    assert topology.betti(corner, full=True)[0] == 1
    assert topology.betti(corner, full=False)[0] == 2


def test_a_broken_vessel_costs_topology_not_overlap():
    """A gap of one pixel: Dice stays near 1, a part too many is an error of 1."""
    mask = np.zeros((11, 60), np.uint8)
    mask[4:7] = 1
    prediction = mask.copy()
    prediction[:, 30] = 0
    assert score("betti-error", prediction, mask)[0] == 1
    assert score("betti-error", prediction, mask, dimension="1")[0] == 0
    assert score("cl-dice", prediction, mask)[0] > 0.97


def test_ignored_pixels_are_of_no_lesion():
    """A lesion where the mask says 255 is neither spurious nor missed."""
    mask, prediction = np.zeros((2, 1, 30), np.uint8)
    mask[0, 0:4], prediction[0, 0:4] = 1, 1
    mask[0, 10:20], prediction[0, 12:15] = 255, 1
    assert score("lesion-f1", prediction, mask)[0] == 1
    assert score("lesion-count-error", prediction, mask)[0] == 0


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("dims", [2, 3])
def test_components_of_runs_are_scipys(full, dims):
    """Sparse and dense masks of any shape, one voxel wide too: the same components under the same numbers."""
    draw = np.random.default_rng(dims)
    structure = ndimage.generate_binary_structure(dims, dims if full else 1)
    for _ in range(100):
        inside = draw.random(tuple(draw.integers(1, 14, dims))) < draw.random() ** 3
        labels, expected = ndimage.label(inside, structure)
        found = runs.components(inside, full)
        assert found.count == expected
        np.testing.assert_array_equal(found.sizes, np.bincount(labels.ravel(), minlength=expected + 1)[1:])
        numbers = np.zeros((*inside.shape[:-1], inside.shape[-1] + 1), np.int64)
        rows = numbers.reshape(-1)
        for begin, length, number in zip(found.runs.begins, found.runs.lengths, found.numbers, strict=True):
            rows[begin : begin + length] = number + 1
        np.testing.assert_array_equal(numbers[..., :-1], labels)
        assert not numbers[..., -1].any()
