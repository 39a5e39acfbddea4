"""Metrics of probabilities: closed forms, and netcal, fiducio, torchmetrics and scikit-learn on drawn cases."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import segkit_metrics
from segkit import Measurement, SegkitError, Task
from segkit.declarations import resolve
from segkit.params import build, describe
from segkit_metrics import near, reliability

ORACLES = json.loads(Path(__file__).with_name("calibration_oracles.json").read_text())["cases"]
METRICS = {metric.name: metric for metric in segkit_metrics.calibration_metrics()}


def measured(name, probabilities, mask, spacing=None, step=7, **said):
    """What a metric adds up over a case, in blocks of rows."""
    params = build(METRICS[name].params, said, name)
    options = {key: getattr(params, key) for key, info in describe(type(params)).items() if info.measured}
    classes = max(len(probabilities) - 1, 1)
    feed = reliability.measure(mask, spacing, Task(1, tuple("abcdef"[:classes])), options)
    sums = {}
    for start in range(0, len(mask), step):
        block = (slice(start, min(start + step, len(mask))), *(slice(0, side) for side in mask.shape[1:]))
        for key, value in feed(probabilities[(slice(None), *block)], block).items():
            sums[key] = sums.get(key, 0) + value
    none = np.zeros(classes, np.int64)
    found = Measurement(none, none, none, none, mask.shape, spacing, sums=sums)
    return resolve(METRICS[name].factory, name)(Task(1, tuple("abcdef"[:classes])), params)(found)


@pytest.mark.parametrize("seed", range(len(ORACLES)))
def test_values_are_those_of_other_libraries(seed, drawn):
    """To 1e-9; torchmetrics and the bins' edges of fiducio are in single precision, 1e-6."""
    row = ORACLES[seed]
    probabilities, mask = drawn(seed)
    bins = {"bins": row["bins"]}
    for name in ("ece", "ace", "mce"):
        top, last = (
            measured(name, probabilities, mask, **bins)[-1],
            measured(name, probabilities, mask, form="class", **bins)[-1],
        )
        assert top == pytest.approx(row[f"netcal_{name}"], abs=1e-9)
        assert last == pytest.approx(row[f"netcal_class_{name}"], abs=1e-9)
        # In single precision a confidence at an edge falls on either side; torchmetrics has a bin of its own for 1.
        for library, value, sure in (
            ("fiducio", top, probabilities.max(axis=0)),
            ("torchmetrics", top, probabilities.max(axis=0)),
            ("torchmetrics_class", last, probabilities[-1]),
        ):
            places = sure.astype(np.float64) * row["bins"]
            if f"{library}_{name}" in row and np.abs(places - np.round(places)).min() > 2e-6:
                assert value == pytest.approx(row[f"{library}_{name}"], abs=1e-6)
    share = 0.5 if len(probabilities) == 2 else 1
    assert measured("brier", probabilities, mask)[-1] == pytest.approx(share * row["fiducio_brier"], abs=1e-9)
    assert measured("nll", probabilities, mask)[-1] == pytest.approx(row["fiducio_nll"], abs=1e-9)
    for name in ("brier", "nll"):
        value = measured(name, probabilities, mask, form="class")[-1]
        # scikit-learn takes the logarithm of 2e-16 where a probability is 0, segkit and fiducio that of 1e-12.
        if name == "brier" or probabilities.max() < 1:
            assert value == pytest.approx(row[f"sklearn_class_{name}"], abs=1e-9)


def test_one_probability_is_two_that_sum_to_one(drawn):
    """A network of one class gives its foreground's alone."""
    probabilities, mask = drawn(0)
    for name in METRICS:
        both, alone = (measured(name, values, mask) for values in (probabilities, probabilities[1:]))
        np.testing.assert_allclose(alone, both, rtol=1e-6)


def test_a_network_that_is_right_as_often_as_it_says():
    """Confidence 0.75, three of four right: every calibration error is 0."""
    probabilities = np.full((2, 1, 400), 0.25, np.float32)
    probabilities[1] = 0.75
    mask = np.tile(np.array([1, 1, 1, 0], np.uint8), 100)[None]
    for name in ("ece", "ace", "mce"):
        assert measured(name, probabilities, mask)[0] == pytest.approx(0, abs=1e-12)
    assert measured("brier", probabilities, mask)[0] == pytest.approx(0.75 * 0.0625 + 0.25 * 0.5625)


def test_equal_mass_bins_hold_equal_numbers(drawn):
    """With confidences that no two cells share the error is that of sorted pixels cut into equal parts."""
    levels = 1 - 0.5 ** np.linspace(1.2, 9, 60)
    confidence = np.repeat(levels, 10).astype(np.float32)
    right = np.random.default_rng(0).random(len(confidence)) < 0.8
    probabilities = np.stack([1 - confidence, confidence])[:, None]
    value = measured("ece", probabilities, right.astype(np.uint8)[None], binning="mass", bins=6)[0]
    parts = zip(np.split(confidence.astype(np.float64), 6), np.split(right, 6), strict=True)
    expected = np.mean([abs(hits.mean() - sure.mean()) for sure, hits in parts])
    assert value == pytest.approx(expected, abs=1e-9)


def test_the_band_leaves_out_what_is_far(drawn):
    """Far background is right and sure: with it every network looks calibrated. The band is the same however cut."""
    mask = np.zeros((60, 60), np.uint8)
    mask[28:32, 28:32] = 1
    probabilities = np.full((2, 60, 60), 0.01, np.float32)
    probabilities[0] = 0.99
    probabilities[:, 26:34, 26:34] = 0.5
    values = [measured("brier", probabilities, mask, region="band", width=3, step=step)[0] for step in (1, 7, 60)]
    assert values == pytest.approx([values[0]] * 3, rel=1e-12)
    assert values[0] > 10 * measured("brier", probabilities, mask)[0]
    in_mm = measured("brier", probabilities, mask, spacing=(1.0, 0.5), region="band", width=3)[0]
    assert in_mm < values[0]


def test_ignored_pixels_and_empty_bands_count_nothing(drawn):
    """255 is left out; without foreground there is no band and no value."""
    probabilities, mask = drawn(1)
    half = mask.copy()
    half[15:] = 255
    assert measured("nll", probabilities, half)[0] == pytest.approx(
        measured("nll", probabilities[:, :15], mask[:15])[0]
    )
    assert np.isnan(measured("ece", probabilities, np.zeros_like(mask), region="band")).all()
    assert np.isnan(measured("brier", probabilities, np.full_like(mask, 255))).all()


@pytest.mark.parametrize("wrong", ["logits", "too large a sum", "nan"])
def test_what_are_no_probabilities_is_a_sentence(wrong, drawn):
    """Logits, sums that are not 1 and NaN are refused by what they are."""
    probabilities, mask = drawn(1)
    if wrong == "logits":
        probabilities = probabilities * 20 - 10
    elif wrong == "nan":
        probabilities[0, 3, 3] = np.nan
    else:
        probabilities = probabilities * 1.1
    with pytest.raises(SegkitError, match="do not sum to 1"):
        measured("ece", probabilities, mask)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.7, 1.2)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_band_is_the_same_plane_by_plane(axis, spacing, monkeypatch):
    """However few planes are looked at together, a band is what a distance transform of the whole says."""
    draw = np.random.default_rng(axis)
    mask = (draw.random((9, 11, 10)) < 0.01).astype(np.uint8)
    mask[draw.random(mask.shape) < 0.05] = 255
    expected = ndimage.distance_transform_edt((mask == 0) | (mask == 255), sampling=spacing) <= 2.5
    for ahead in (1, 250, 10_000):
        monkeypatch.setattr(near, "AHEAD", ahead)
        band = near.Band(mask, 2.5, spacing)
        planes = []
        for place in range(mask.shape[axis]):
            block = [slice(0, side) for side in mask.shape]
            block[axis] = slice(place, place + 1)
            planes.append(band.near(tuple(block)))
        np.testing.assert_array_equal(np.concatenate(planes, axis=axis), expected)


def test_of_labels_that_share_the_largest_probability_the_first_is_taken():
    """As in the label map; a pixel is right where that one is the mask's."""
    draw = np.random.default_rng(0)
    values = draw.integers(1, 4, (5, 400)).astype(np.float32)
    truth = draw.integers(0, 5, 400)
    confidence, right = reliability.most_probable(values / 100, truth)
    np.testing.assert_array_equal(right[0], values.argmax(axis=0) == truth)
    np.testing.assert_array_equal(confidence[0], (values / 100).max(axis=0).astype(np.float64))


def test_sums_do_not_depend_on_how_probabilities_lie_in_memory():
    """Planes along another axis come as views; each pixel keeps its label."""
    draw = np.random.default_rng(0)
    mask = draw.integers(0, 4, (6, 7, 8)).astype(np.uint8)
    values = draw.dirichlet(np.ones(4), mask.shape).astype(np.float32)
    options = {"bins": 10, "binning": "width", "form": "class", "region": "image", "width": 5.0}
    feed = reliability.measure(mask, None, Task(1, ("a", "b", "c"), 3), options)
    whole = tuple(slice(0, side) for side in mask.shape)
    first = feed(np.ascontiguousarray(np.moveaxis(values, -1, 0)), whole)
    for turned in (np.moveaxis(values, -1, 0), np.moveaxis(values.transpose(2, 1, 0, 3).copy(), -1, 0).swapaxes(1, 3)):
        for name, expected in first.items():
            np.testing.assert_allclose(feed(turned, whole)[name], expected, rtol=1e-12)


@pytest.mark.parametrize("channels", [2, 3, 17])
@pytest.mark.parametrize("levels", [1, 2, 5])
def test_the_first_of_equally_probable_labels_is_the_one_that_counts(channels, levels):
    """As argmax chooses it, which decodes label maps: among few levels of scores nearly every pixel is a tie."""
    draw = np.random.default_rng(levels)
    scores = draw.integers(0, levels, (channels, 4000)).astype(np.float32)
    values = np.exp(scores) / np.exp(scores).sum(axis=0)
    truth = draw.integers(0, channels, 4000)
    sure, right = reliability.most_probable(values, truth)
    np.testing.assert_array_equal(right[0], values.argmax(axis=0) == truth)
    np.testing.assert_array_equal(sure[0], values.max(axis=0).astype(np.float64))
    added = reliability.binned(sure, right, 15)
    place = np.minimum((sure[0] * 15).astype(int), 14)
    for number in range(15):
        inside = place == number
        assert added["counts"][0, number] == inside.sum()
        assert added["right"][0, number] == right[0][inside].sum()
        assert added["confidence"][0, number] == pytest.approx(sure[0][inside].sum(), rel=1e-12)
