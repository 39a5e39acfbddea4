"""Temperature and vector scaling: the minimum that they say, against plain grids, torch and fiducio."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from segkit.statistics.scaling import fit_temperature, fit_vector, nll

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("calibration_cases", HERE / "calibration_cases.py")
CASES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CASES)
TEMPERATURES = json.loads((HERE / "calibration_oracles.json").read_text())["temperatures"]


@pytest.mark.parametrize("seed", range(len(TEMPERATURES)))
def test_the_temperature_is_fiducios(seed):
    """Which searches by L-BFGS in single precision."""
    scores, labels = CASES.draw_scores(seed)
    assert fit_temperature(scores, labels) == pytest.approx(TEMPERATURES[seed], rel=2e-3)


def test_the_likelihood_is_torchs():
    """Of several labels by the softmax, of one class by its sigmoid."""
    scores, labels = CASES.draw_scores(1)
    expected = torch.nn.functional.cross_entropy(torch.from_numpy(scores), torch.from_numpy(labels))
    assert nll(scores, labels) == pytest.approx(float(expected), rel=1e-12)
    one, truth = scores[:, :1], (labels > 0).astype(int)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.from_numpy(one[:, 0]), torch.from_numpy(1.0 * truth)
    )
    assert nll(one, truth) == pytest.approx(float(expected), rel=1e-12)


def test_a_temperature_that_was_put_in_comes_out():
    """Labels drawn from softmax(scores / 2.5), and from the sigmoid of one class."""
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(200_000, 3)) * 4
    labels = (draw.random((len(scores), 1)) > softmax(scores / 2.5, axis=1).cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(scores, labels) == pytest.approx(2.5, rel=0.02)
    one = scores[:, :1]
    truth = (draw.random(len(one)) < expit(one[:, 0] / 0.4)).astype(int)
    assert fit_temperature(one, truth) == pytest.approx(0.4, rel=0.02)


def test_no_temperature_nearby_is_better():
    """A search of one dimension ends in the minimum."""
    scores, labels = CASES.draw_scores(2)
    found = fit_temperature(scores, labels)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert nll(scores / found, labels) < nll(scores / (found * factor), labels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_vector_is_at_least_as_good_and_comes_out(channels):
    """Factors and shifts that were put in, up to what softmax cannot see."""
    draw = np.random.default_rng(1)
    scores = draw.normal(size=(100_000, channels)) * 3
    scale, shift = np.array([0.5, 1.2, 0.8])[:channels], np.array([0.3, -0.4, 0.1])[:channels]
    moved = scores * scale + shift
    if channels == 1:
        labels = (draw.random(len(moved)) < expit(moved[:, 0])).astype(int)
    else:
        labels = (draw.random((len(moved), 1)) > softmax(moved, axis=1).cumsum(axis=1)).sum(axis=1)
    found, moved_by = fit_vector(scores, labels)
    np.testing.assert_allclose(found, scale, atol=0.03)
    np.testing.assert_allclose(moved_by, shift if channels == 1 else shift - shift.mean(), atol=0.03)
    assert nll(scores * found + moved_by, labels) <= nll(scores / fit_temperature(scores, labels), labels)
