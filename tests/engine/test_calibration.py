"""Calibrated scores: labels that stay, thresholds, and what a checkpoint may say."""

import numpy as np
import pytest
import torch

from segkit import SegkitError
from segkit.engine.calibration import Calibration, calibration_of, decode_at
from segkit.engine.decoding import decode, probabilities
from segkit.engine.expected import ExpectedDice, dice_of


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("factor", [0.3, 1 / 3, 7.7])
def test_a_temperature_changes_no_label(channels, factor):
    """Not one of a million, ties and near ties among them."""
    scores = torch.randn(channels, 250_000, generator=torch.Generator().manual_seed(0)).round(decimals=2)
    calibration = Calibration((factor,) * channels, (0.0,) * channels)
    assert calibration.keeps_labels
    assert torch.equal(calibration.labels(scores), decode(scores))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("threshold", [0.1, 0.35, 0.9])
def test_a_threshold_is_one_of_the_foreground(channels, threshold):
    """A pixel is foreground from that probability on, and then of the most probable class."""
    scores = torch.randn(channels, 20_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    labels = decode_at(scores, threshold)
    share = probabilities(scores)[0] if channels == 1 else 1 - probabilities(scores)[0]
    assert torch.equal(labels > 0, share >= threshold)
    if channels > 1:
        inside = labels > 0
        assert torch.equal(labels[inside].long(), 1 + scores[1:, inside].argmax(dim=0))


def test_a_threshold_of_none_is_as_ever_and_0_marks_all():
    """And 1 nothing but what is sure."""
    scores = torch.randn(3, 1000)
    assert torch.equal(decode_at(scores, None), decode(scores))
    assert (decode_at(scores, 0.0) > 0).all()
    assert not (decode_at(scores, 1.0) > 0).any()


def test_a_vector_moves_labels():
    """A shift towards a class makes it win."""
    scores = torch.zeros(3, 10)
    calibration = Calibration((1.0, 1.0, 1.0), (0.0, 0.0, 2.0))
    assert not calibration.keeps_labels
    assert (calibration.labels(scores) == 2).all()


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"classes": ["tumour"]}, "calibrated for other classes: tumour, not lesion"),
        ({"classes": ["lesion"], "scale": [1.0, 2.0]}, "2 factors and 1 shifts for 1 channels"),
    ],
)
def test_a_calibration_of_something_else_is_refused(record, words):
    """Other classes, or other numbers of channels."""
    with pytest.raises(SegkitError, match=words):
        calibration_of({"calibration": record}, ("lesion",), 1, "model.safetensors")
    assert calibration_of({}, ("lesion",), 1, "model.safetensors") is None


def test_the_expected_dice_is_the_mean_over_drawn_masks():
    """Masks drawn from the probabilities, pixel by pixel: their mean Dice with the prediction."""
    draw = np.random.default_rng(0)
    scores = torch.from_numpy(draw.normal(0, 2, (1, 60, 60)))
    expected = ExpectedDice(1)
    for start in range(0, 60, 17):
        rows = slice(start, min(start + 17, 60))
        expected.take((rows, slice(0, 60)), scores[:, rows])
    labels, share = decode(scores).numpy(), probabilities(scores)[0].numpy()
    drawn = [dice_of(labels, (draw.random(share.shape) < share).astype(np.uint8), 1) for _ in range(200)]
    assert expected.value() == pytest.approx(np.mean(drawn), abs=0.003)


def test_nothing_found_is_not_to_be_trusted():
    """An empty prediction has no class to speak of."""
    expected = ExpectedDice(2)
    scores = torch.zeros(3, 4, 4)
    scores[0] = 5
    expected.take((slice(0, 4), slice(0, 4)), scores)
    assert np.isnan(expected.per_class()).all()
    assert expected.value() == 0
