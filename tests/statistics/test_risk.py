"""Conformal risk control: MAPIE's thresholds, and the bound kept over many splits."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from segkit.statistics.risk import THRESHOLDS, cases_needed, controlled_threshold, missed_shares

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("calibration_cases", HERE / "calibration_cases.py")
CASES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CASES)
ANSWERS = json.loads((HERE / "calibration_oracles.json").read_text())["thresholds"]
LEVELS = (0.05, 0.1, 0.2)


def counts_of(probabilities, masks):
    """Foreground pixels of each case by their probability."""
    rows = []
    for values, mask in zip(probabilities, masks, strict=True):
        places = np.searchsorted(THRESHOLDS, values[mask > 0], side="right") - 1
        rows.append(np.bincount(places, minlength=len(THRESHOLDS)))
    return np.array(rows)


@pytest.mark.parametrize("seed", range(len(ANSWERS)))
def test_the_thresholds_are_mapies(seed):
    """On the same thresholds, at three levels."""
    losses = missed_shares(counts_of(*CASES.draw_risk(seed)))
    for level, expected in zip(LEVELS, ANSWERS[seed], strict=True):
        assert controlled_threshold(losses, level) == pytest.approx(expected, abs=1e-12)


def test_shares_are_those_of_plain_comparisons():
    """A pixel of exactly the threshold is found."""
    probabilities, masks = CASES.draw_risk(0)
    shares = missed_shares(counts_of(probabilities, masks))
    for case, threshold in ((0, 300), (3, 500), (7, 912)):
        inside = probabilities[case][masks[case] > 0]
        assert shares[case, threshold] == np.mean(inside < THRESHOLDS[threshold])


@pytest.mark.parametrize("level", LEVELS)
def test_the_bound_is_kept_over_a_thousand_resamplings(level):
    """Mean loss of a case that was not used is at most the level, plus four standard errors of the simulation."""
    draw = np.random.default_rng(5)
    places = np.arange(len(THRESHOLDS)) / 1000
    shape = draw.gamma(2.0, size=(400, 1)) + 0.2
    losses = places ** (2 * shape)
    risks = []
    for _ in range(1000):
        order = draw.permutation(400)
        held, new = order[:40], order[40:]
        threshold = controlled_threshold(losses[held], level)
        risks.append(losses[new, round(1000 * threshold)].mean() if threshold is not None else 0.0)
    assert np.mean(risks) <= level + 4 * np.std(risks) / np.sqrt(len(risks))
    assert np.mean(risks) > 0.5 * level


@pytest.mark.parametrize(("level", "cases"), [(0.1, 9), (0.05, 19), (0.2, 4), (0.5, 1)])
def test_fewer_cases_than_needed_support_nothing(level, cases):
    """Losses of 0 everywhere: 1 / (n + 1) has to be at most the level."""
    assert cases_needed(level) == cases
    assert controlled_threshold(np.zeros((cases, len(THRESHOLDS))), level) == 1
    assert controlled_threshold(np.zeros((cases - 1, len(THRESHOLDS))), level) is None
