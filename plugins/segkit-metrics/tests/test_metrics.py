"""Counts and overlaps against plain numpy, their algebra and the metric contract."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segkit import SegkitError, Task
from segkit_metrics import measure, overlap
from segkit_metrics.params import OverlapParams

TASK = Task(1, ("a", "b", "c"))
SCORES = {"dice": overlap.dice, "iou": overlap.iou}
some = settings(deadline=None)
every_score = pytest.mark.parametrize("name", SCORES)


def count(prediction, mask, task=TASK):
    """The measurement of one case."""
    return measure.measure(np.asarray(prediction), np.asarray(mask), None, task, {})


def score(name, prediction, mask, both_empty="nan"):
    """The scores of one case."""
    return SCORES[name](TASK, OverlapParams(both_empty=both_empty))(count(prediction, mask))


@st.composite
def cases(draw, labels=(0, 1, 2, 3), ignore=True):
    """A prediction and a mask of one random shape, 2D or 3D."""
    shape = draw(arrays.array_shapes(min_dims=2, max_dims=3, max_side=6))
    prediction = draw(arrays.arrays(np.uint8, shape, elements=st.sampled_from(labels)))
    mask = draw(arrays.arrays(np.uint8, shape, elements=st.sampled_from([*labels, 255] if ignore else labels)))
    return prediction, mask


@some
@given(cases())
def test_counts_equal_plain_comparisons(case):
    """Each count is what comparing the arrays pixel by pixel gives, without the ignored pixels."""
    prediction, mask = case
    found = count(prediction, mask)
    valid = mask != 255
    for index, label in enumerate((1, 2, 3)):
        p, t = (prediction == label)[valid], (mask == label)[valid]
        assert found.true_positive[index] == (p & t).sum()
        assert found.false_positive[index] == (p & ~t).sum()
        assert found.false_negative[index] == (~p & t).sum()
        assert found.true_negative[index] == (~p & ~t).sum()


def test_counts_are_int64_and_carry_grid_and_spacing():
    """Counts never overflow, and the case's geometry rides along."""
    found = measure.measure(np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.int16), (0.5, 2.0), TASK, {})
    arrays_found = (found.true_positive, found.false_positive, found.false_negative, found.true_negative)
    assert [a.dtype for a in arrays_found] == [np.dtype(np.int64)] * 4
    assert [a.shape for a in arrays_found] == [(3,)] * 4
    assert (found.shape, found.spacing) == ((2, 3), (0.5, 2.0))


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int16, np.int64])
def test_any_integer_type_and_layout(dtype, monkeypatch):
    """Label maps of any integer type, strided or not, give the same counts, also in several chunks."""
    monkeypatch.setattr(measure, "CHUNK", 7)
    rng = np.random.default_rng(0)
    prediction, mask = rng.integers(0, 2, (2, 9, 8)).astype(dtype)
    found = count(prediction[:, ::2], mask[:, ::2])
    assert found.true_positive[0] == np.logical_and(prediction[:, ::2], mask[:, ::2]).sum()
    assert found.predicted[0] == prediction[:, ::2].sum()


@pytest.mark.parametrize(
    ("prediction", "mask", "message"),
    [
        ([[4, 0]], [[0, 0]], "the prediction holds label 4; labels go from 0 to 3"),
        ([[255, 0]], [[0, 0]], "the prediction holds label 255"),
        ([[0, 0]], [[9, 0]], "the mask holds label 9; labels go from 0 to 3"),
        ([[0, 0]], [[-1, 0]], "the mask holds label -1"),
        ([[0, 0]], [[0, 256]], "the mask holds label 256"),
        ([[0, 0]], [[0], [0]], "differ in shape"),
    ],
)
def test_bad_input_is_a_sentence(prediction, mask, message):
    """Labels out of range and unequal shapes are never counted as something else."""
    with pytest.raises(SegkitError, match=message):
        count(prediction, mask)


@every_score
@pytest.mark.parametrize(("both_empty", "expected"), [("nan", np.nan), ("0", 0.0), ("1", 1.0)])
def test_empty_missed_and_spurious(name, both_empty, expected):
    """Only a class that both lack takes the convention's value; missed and spurious ones score 0."""
    found = score(name, [[0, 2, 0, 0]], [[1, 0, 0, 0]], both_empty)
    np.testing.assert_array_equal(found, [0.0, 0.0, expected])
    assert found.dtype == np.float64


@every_score
def test_params_from_text_and_numbers(name):
    """both_empty=1 is understood from the command line and from TOML."""
    from segkit.params import build

    for value in ("1", 1):
        assert build(OverlapParams, {"both_empty": value}, name).both_empty == "1"


def test_closed_form():
    """Six predicted, four true, two in common: Dice 4/10, IoU 2/8."""
    prediction, mask = np.zeros((2, 10), int), np.zeros((2, 10), int)
    prediction[0, :6], mask[0, 4:8] = 1, 1
    assert score("dice", prediction, mask)[0] == pytest.approx(0.4)
    assert score("iou", prediction, mask)[0] == pytest.approx(0.25)


@some
@given(cases())
def test_range_and_dice_from_iou(case):
    """Both lie in 0 to 1, and dice = 2 iou / (1 + iou) class by class."""
    dice, iou = score("dice", *case), score("iou", *case)
    np.testing.assert_allclose(dice, 2 * iou / (1 + iou), rtol=1e-12)
    defined = iou[~np.isnan(iou)]
    assert ((defined >= 0) & (defined <= 1)).all()


@every_score
@some
@given(case=cases(ignore=False))
def test_symmetric(name, case):
    """Prediction and mask may change places."""
    prediction, mask = case
    np.testing.assert_array_equal(score(name, prediction, mask), score(name, mask, prediction))


@every_score
@some
@given(case=cases(), axis=st.integers(0, 1))
def test_flips_and_transposes_change_nothing(name, case, axis):
    """The grid's orientation does not matter."""
    prediction, mask = case
    expected = score(name, prediction, mask)
    np.testing.assert_array_equal(score(name, np.flip(prediction, axis), np.flip(mask, axis)), expected)
    np.testing.assert_array_equal(score(name, prediction.T, mask.T), expected)


@every_score
@some
@given(case=cases(), order=st.permutations([1, 2, 3]))
def test_scores_follow_a_permutation_of_labels(name, case, order):
    """Renaming the classes permutes the scores."""
    table = np.arange(256, dtype=np.uint8)
    table[1:4] = order
    prediction, mask = case
    renamed = score(name, table[prediction], table[mask])
    np.testing.assert_array_equal(renamed[np.array(order) - 1], score(name, prediction, mask))


@every_score
@some
@given(case=cases(), width=st.integers(1, 4), value=st.sampled_from([0, 255]))
def test_padding_changes_nothing(name, case, width, value):
    """A frame of background, or of ignored pixels whatever is predicted there, leaves overlaps as they are."""
    prediction, mask = case
    frame = np.pad(prediction, width, constant_values=0 if value == 0 else 3)
    expected = score(name, prediction, mask)
    np.testing.assert_array_equal(score(name, frame, np.pad(mask, width, constant_values=value)), expected)


def test_declaring_does_not_import_numpy():
    """The plugin's own module stays light."""
    code = "import sys, segkit_metrics as m; m.segkit_metrics(); sys.exit(bool({'numpy', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
