"""Every metric against other libraries on 300 drawn pairs, 2D and 3D; oracles.py made the answers."""

import json
from pathlib import Path

import numpy as np
import pytest

import segkit_structure
from segkit import Task
from segkit.declarations import resolve
from segkit.params import build
from segkit_structure import measure
from segkit_structure.components import Lesions
from segkit_structure.matching import matched
from segkit_structure.params import LesionParams

ANSWERS = json.loads(Path(__file__).with_name("oracles.json").read_text())["pairs"]
METRICS = {metric.name: metric for metric in segkit_structure.segkit_metrics()}
TASK = Task(1, ("structure",))
SEEDS = range(len(ANSWERS))


@pytest.fixture(scope="module")
def cases(drawn):
    """The measurement of every pair."""
    pairs = [tuple(side.astype(np.uint8) for side in drawn(seed)) for seed in SEEDS]
    return [measure.measure(*pair, None, TASK, {}) for pair in pairs]


def score(name, found, **params):
    """What a metric answers on a measurement."""
    declared = METRICS[name]
    return float(resolve(declared.factory, name)(TASK, build(declared.params, params, name))(found)[0])


def test_there_are_300_pairs_and_they_say_something():
    """Half of them are volumes; few are trivial."""
    assert len(ANSWERS) == 300
    assert sum(0 < row["panoptica"]["rq"] < 1 for row in ANSWERS) > 150
    assert sum(row["panoptica"]["rq"] != row["brats"]["rq"] for row in ANSWERS) > 100


@pytest.mark.parametrize("preset", ["panoptica", "brats"])
def test_lesions_are_those_of_panoptica(cases, preset):
    """F1, panoptic quality and both numbers of lesions, under the conventions of its defaults and of BraTS 2026."""
    for found, row in zip(cases, ANSWERS, strict=True):
        expected = row[preset]
        assert score("lesion-f1", found, preset=preset) == pytest.approx(expected["rq"], abs=1e-12)
        assert score("panoptic-quality", found, preset=preset) == pytest.approx(expected["pq"], abs=1e-12)
        apart = abs(expected["predicted"] - expected["reference"])
        assert score("lesion-count-error", found, connectivity="mixed") == apart


def test_panoptic_quality_is_monais_with_full_connectivity(cases):
    """MONAI takes IoU above 0.5 only."""
    for found, row in zip(cases, ANSWERS, strict=True):
        value = score("panoptic-quality", found, equal_counts=False)
        assert value == pytest.approx(row["monai_pq"], abs=2e-6)


def test_conventions_change_the_score(cases):
    """Connectivity and rule are no detail: why they stand in the score's name."""
    full = [score("lesion-f1", found) for found in cases]
    faces = [score("lesion-f1", found, connectivity="faces") for found in cases]
    assert np.mean(np.not_equal(full, faces)) > 0.3
    assert np.abs(np.subtract(full, faces)).max() > 0.1


def test_detected_lesions_are_those_of_lits(cases):
    """How many joined lesions its scorer, with two lines mended, calls detected; as published it differs in some."""
    params = LesionParams(preset="lits")
    published = 0
    for found, row in zip(cases, ANSWERS, strict=True):
        matches = matched(Lesions.of_rows(found.distances["lesions:faces"][0]), params)
        assert matches.found == row["lits"]
        published += row["lits_published"] != row["lits"]
    assert published > 0


@pytest.mark.parametrize("connectivity", ["full", "faces"])
def test_betti_numbers_are_those_of_gudhi(cases, connectivity):
    """Parts, loops and cavities of both sides."""
    for found, row in zip(cases, ANSWERS, strict=True):
        expected = np.array(row[f"betti_{connectivity}"])
        np.testing.assert_array_equal(found.distances[f"betti:{connectivity}"][0], expected)
        for dimension in range(3):
            apart = abs(expected[0, dimension] - expected[1, dimension])
            assert score("betti-error", found, connectivity=connectivity, dimension=str(dimension)) == apart


def test_centreline_dice_is_panopticas(cases):
    """Skeletons of scikit-image on both sides; panoptica has no value where nothing meets."""
    for found, row in zip(cases, ANSWERS, strict=True):
        assert score("cl-dice", found) == pytest.approx(np.nan_to_num(row["cldice"]), abs=1e-12)
