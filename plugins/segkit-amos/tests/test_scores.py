"""Scores of a real MR case in LPS: the reference against itself, and a shifted copy against plain numpy."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from segkit.data.check import check_sample
from segkit.discovery import Registry
from segkit.engine.measure import ChosenMetric, score_case
from segkit_amos.organs import ORGANS
from segkit_amos.params import AmosParams
from segkit_amos.reader import AmosReader

MISSING = ("esophagus", "bladder", "prostate/uterus")


@pytest.fixture
def case(mini):
    """The MR case: reader, case and sample."""
    opened = AmosReader(mini, AmosParams(modality="mr"))
    [found] = opened.cases("val")
    sample = opened.read(found)
    check_sample(sample, found, opened.task, "amos")
    return opened, found, sample


def dice_of(prediction: np.ndarray, mask: np.ndarray) -> list[float]:
    """Dice per organ by its formula, NaN where neither has it."""
    scores = []
    for label in range(1, 16):
        first, second = prediction == label, mask == label
        total = int(first.sum()) + int(second.sum())
        scores.append(2 * int((first & second).sum()) / total if total else np.nan)
    return scores


def scored(case, prediction, metrics):
    """What segkit scores a prediction with."""
    opened, found, sample = case
    return score_case(found, prediction, sample.mask, sample.spacing, opened.task, metrics).values


@pytest.fixture
def metrics(case):
    """Dice and HD95 as a run has them."""
    registry = Registry.discover()
    chosen = [registry.find("metric", name) for name in ("dice", "hd95")]
    made = [(found, found.component.params()) for found in chosen]
    return [
        ChosenMetric(found.component, params, found.load("measure"), found.load()(case[0].task, params))
        for found, params in made
    ]


def test_grid_and_organs(case, mini):
    """Shape, spacing and affine are those that nibabel has in RAS; organs and their voxels those of the file."""
    _, _, sample = case
    image = nib.as_closest_canonical(nib.load(mini / "imagesVa/amos_0507.nii.gz"))
    label = np.asanyarray(nib.load(mini / "labelsVa/amos_0507.nii.gz").dataobj)
    assert sample.shape == image.shape[::-1]
    assert sample.spacing == pytest.approx((3, 3, 3))
    assert np.allclose(sample.affine, image.affine[:, [2, 1, 0, 3]])
    assert np.array_equal(sample.image[0], np.asanyarray(image.dataobj).transpose(2, 1, 0))
    assert np.array_equal(np.bincount(sample.mask.ravel(), minlength=16), np.bincount(label.ravel(), minlength=16))
    present = np.bincount(sample.mask.ravel(), minlength=16)[1:] > 0
    assert tuple(name for name, there in zip(ORGANS, present, strict=True) if not there) == MISSING


def test_reference_against_itself(case, metrics):
    """Every organ that is there scores 1 and lies 0 mm apart; those that are not score nothing."""
    values = scored(case, case[2].mask, metrics)
    there = [name not in MISSING for name in ORGANS]
    assert np.array_equal(values["dice"][there], np.ones(12))
    assert np.array_equal(values["hd95"][there], np.zeros(12))
    assert np.isnan(values["dice"]).tolist() == [not present for present in there]


def test_shifted_copy(case, metrics):
    """One voxel to the right: Dice per organ equals the formula in numpy, and HD95 is at most the shift's 3 mm."""
    mask = case[2].mask
    shifted = np.zeros_like(mask)
    shifted[:, :, 1:] = mask[:, :, :-1]
    values = scored(case, shifted, metrics)
    assert values["dice"] == pytest.approx(dice_of(shifted, mask), nan_ok=True)
    assert 0.3 < np.nanmean(values["dice"]) < 0.95
    assert np.nanmax(values["hd95"]) <= 3 + 1e-6


def test_written_and_read_again(case, mini, metrics, tmp_path):
    """A prediction that went through its file in LPS scores the same."""
    opened, found, sample = case
    written = opened.write_labels(tmp_path / found.id, sample.mask, found.files[0])
    assert nib.aff2axcodes(nib.load(written).affine) == ("L", "P", "S")
    values = scored(case, opened.read_labels(written), metrics)
    assert np.nanmean(values["dice"]) == 1
