"""Counts, Dice and IoU against what other libraries answer on 42 cases."""

import json
from pathlib import Path

import numpy as np
import pytest

from segkit import Task
from segkit_metrics import measure, overlap
from segkit_metrics.params import OverlapParams

FOLDER = Path(__file__).parents[4] / "shared" / "reference"
FILE = FOLDER / "metric_vectors.json"
CASES = json.loads(FILE.read_text())["cases"] if FILE.is_file() else {}

pytestmark = pytest.mark.skipif(not CASES, reason="../shared/reference is not here")

DOUBLE, SINGLE = 1e-9, 1e-5

# Library: key, score, both_empty, tolerance. One foreground class.
BINARY = {
    "direct_numpy_scipy": [("dice", "dice", "nan", DOUBLE), ("iou", "iou", "nan", DOUBLE)],
    "sklearn": [
        ("f1_zero_division_nan", "dice", "nan", DOUBLE),
        ("jaccard_zero_division_0", "iou", "0", DOUBLE),
        ("jaccard_zero_division_1", "iou", "1", DOUBLE),
    ],
    "isic_challenge_scoring": [("dice", "dice", "1", DOUBLE), ("jaccard", "iou", "1", DOUBLE)],
    "deepmind_surface_distance": [("dice", "dice", "nan", DOUBLE)],
    "medpy": [("dc", "dice", "nan", DOUBLE), ("jc", "iou", "1", DOUBLE)],
    "metrics_reloaded": [("dsc_fbeta1", "dice", "1", SINGLE), ("iou", "iou", "nan", DOUBLE)],
    "seg_metrics": [("dice", "dice", "1", DOUBLE), ("jaccard", "iou", "1", DOUBLE)],
    "segmentation_models_pytorch": [("f1", "dice", "1", SINGLE), ("iou", "iou", "1", SINGLE)],
    "torchmetrics": [("dice_none", "dice", "nan", SINGLE)],
    "monai": [("dice_ignore_empty_false", "dice", "1", SINGLE), ("iou_ignore_empty_false", "iou", "1", SINGLE)],
}
# The same with one value per label, background first.
MULTICLASS = {
    "direct_numpy_scipy": [("dice", "dice", "nan", DOUBLE), ("iou", "iou", "nan", DOUBLE)],
    "sklearn": [("f1_none_zd_nan", "dice", "nan", DOUBLE), ("jaccard_none_zd_0", "iou", "0", DOUBLE)],
    "nnunet_formula": [("dice", "dice", "nan", DOUBLE), ("iou", "iou", "nan", DOUBLE)],
    "torchmetrics": [("multiclass_jaccard_index_none", "iou", "0", SINGLE), ("dice_none_bg", "dice", "nan", SINGLE)],
    "monai": [("dice_ignore_empty_false", "dice", "1", SINGLE), ("iou_ignore_empty_false", "iou", "1", SINGLE)],
    "segmentation_models_pytorch": [("f1_none", "dice", "1", SINGLE), ("iou_none", "iou", "1", SINGLE)],
}


@pytest.fixture(scope="module")
def volumes():
    """The label maps by name."""
    with np.load(FOLDER / "metric_vectors.npz") as file:
        return dict(file)


def measured(prediction, mask, classes):
    """Counts of one case with that many foreground classes."""
    task = Task(1, tuple(f"class {label}" for label in range(1, classes + 1)))
    return task, measure.measure(prediction, mask, None, task, {})


def stack(found):
    """The counts as rows tp, fp, fn, tn per class."""
    return np.stack([found.true_positive, found.false_positive, found.false_negative, found.true_negative], axis=1)


def numbers(value):
    """Expected values as floats; "nan" is text in the file."""
    return np.array(value, dtype=float)


def of_kind(kind):
    """The names of the cases of one kind."""
    return [name for name, case in CASES.items() if case["kind"] == kind]


def check(task, found, expected, claims, last):
    """Compare every claimed value of every library with ours; returns how many there were."""
    compared = 0
    for library, entries in claims.items():
        for key, metric, both_empty, tolerance in entries:
            if key not in expected.get(library, {}):
                continue
            ours = getattr(overlap, metric)(task, OverlapParams(both_empty=both_empty))(found)
            theirs = numbers(expected[library][key]).reshape(-1)[-last:]
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=f"{library}: {key}")
            compared += last
    return compared


@pytest.mark.parametrize("name", of_kind("binary"))
def test_binary(volumes, name):
    """Counts exactly; Dice and IoU as every library gives them, the empty convention chosen to match."""
    expected = CASES[name]["values"]
    task, found = measured(volumes[f"{name}__pred"], volumes[f"{name}__target"], 1)
    assert stack(found).tolist() == [[expected["direct_numpy_scipy"][key] for key in ("tp", "fp", "fn", "tn")]]
    assert check(task, found, expected, BINARY, 1) >= 15


@pytest.mark.parametrize("name", of_kind("multiclass"))
def test_multiclass(volumes, name):
    """The same per class, ignored pixels included."""
    expected, classes = CASES[name]["values"], CASES[name]["num_classes"] - 1
    task, found = measured(volumes[f"{name}__pred"], volumes[f"{name}__target"], classes)
    assert stack(found).tolist() == expected["direct_numpy_scipy"]["counts_tp_fp_fn_tn"][1:]
    assert check(task, found, expected, MULTICLASS, classes) >= 9 * classes


@pytest.mark.parametrize("name", of_kind("batch"))
def test_batch(volumes, name):
    """Counts of every case, their mean over cases and the scores pooled over cases."""
    expected, classes = CASES[name]["values"], CASES[name]["num_classes"] - 1
    found = []
    for prediction, mask in zip(volumes[f"{name}__pred"], volumes[f"{name}__target"], strict=True):
        task, case = measured(prediction, mask, classes)
        found.append(case)
    counts = np.stack([stack(case) for case in found])
    of_images = numbers(expected["direct_numpy_scipy"]["counts_image_class_tp_fp_fn_tn"])
    np.testing.assert_array_equal(counts, of_images[:, 1:])
    dice = overlap.dice(task, OverlapParams())
    case_mean = np.nanmean([dice(case) for case in found], axis=0)
    np.testing.assert_allclose(case_mean, expected["nnunet_formula"]["mean_per_class"][1:], rtol=DOUBLE)
    tp, fp, fn, _ = counts.sum(axis=0).T
    pooled = 2 * tp / (2 * tp + fp + fn)
    theirs = numbers(expected["torchmetrics"]["DiceScore_none_global_nobg"]).reshape(-1)
    np.testing.assert_allclose(pooled, theirs, rtol=SINGLE)
