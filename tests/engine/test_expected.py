"""The Dice of a case from its counts, and two watches at once."""

import numpy as np
import pytest

from segkit.contracts import Measurement
from segkit.engine.expected import dice_of
from segkit.engine.measure import CaseScores
from segkit.engine.scoring import both


@pytest.mark.parametrize("seed", range(20))
def test_the_dice_of_counts_is_that_of_label_maps(seed):
    """The mean over the classes that either side has, ignored pixels on neither; NaN where neither has any."""
    draw = np.random.default_rng(seed)
    prediction, mask = ((draw.random((9, 11)) < 0.2) * draw.integers(1, 4, (9, 11)) for _ in range(2))
    mask = np.where(draw.random(mask.shape) < 0.1, 255, mask)
    prediction, mask = (np.where(side == seed % 4, 0, side) for side in (prediction, mask))
    valid = mask != 255
    labels = range(1, 4)
    agreed = np.array([((prediction == label) & (mask == label)).sum() for label in labels])
    predicted, reference = (
        np.array([((side == label) & valid).sum() for label in labels]) for side in (prediction, mask)
    )
    counts = Measurement(agreed, predicted - agreed, reference - agreed, agreed, mask.shape, None)
    row = CaseScores("a", None, reference, predicted, {}, {"dice": counts})
    assert row.dice == pytest.approx(dice_of(prediction, mask, 3), nan_ok=True)
    none = np.zeros(3, np.int64)
    empty = CaseScores("a", None, none, none, {}, {"dice": Measurement(none, none, none, none, (1,), None)})
    assert np.isnan(empty.dice)


def test_two_watches_are_told_the_same_blocks():
    """Either may be missing."""
    told = []
    first, second = (lambda block, scores, name=name: told.append((name, block)) for name in "ab")
    both(first, second)((slice(0, 2),), None)
    assert told == [("a", (slice(0, 2),)), ("b", (slice(0, 2),))]
    assert both(None, second) is second
    assert both(first, None) is first
    assert both(None, None) is None
