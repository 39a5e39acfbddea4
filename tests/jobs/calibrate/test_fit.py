"""What is fitted to observed cases."""

from __future__ import annotations

import numpy as np
import pytest

from segkit import SegkitError
from segkit.jobs.calibrate.fit import fit
from segkit.jobs.calibrate.observe import Observed
from segkit.jobs.calibrate.trust import Signs


def observed(scores, truth):
    """A case of which nothing but some pixels is known."""
    return Observed("a", scores, truth, np.zeros(1, np.int64), Signs(None, 0.5, None, 0.5))


@pytest.fixture
def sure():
    """Two classes whose logits are three times too large, the second shifted as well."""
    draw = np.random.default_rng(0)
    true = draw.normal(0, 1.5, (20_000, 2))
    chances = np.exp(true) / np.exp(true).sum(1, keepdims=True)
    truth = (draw.random(len(true)) > chances[:, 0]).astype(np.int64)
    return observed(true * 3 + [0.0, 1.5], truth)


def test_a_temperature_is_one_factor_for_all(sure):
    """Without a shift."""
    found = fit([sure], "temperature")
    assert found.shift == (0.0, 0.0)
    assert found.scale[0] == found.scale[1]
    assert found.scale[0] == pytest.approx(1 / 3, rel=0.25)


def test_a_vector_takes_the_shift_back_too(sure):
    """What the softmax sees of it: the difference of both logits, at the truth's own scale."""
    found = fit([sure], "vector")
    before = sure.scores
    after = before * found.scale + found.shift
    true = (before - [0.0, 1.5]) / 3
    assert np.corrcoef(np.diff(after)[:, 0], np.diff(true)[:, 0])[0, 1] > 0.99
    assert np.abs(np.diff(after) - np.diff(true)).mean() < 0.15


def test_one_label_alone_is_refused(sure):
    """Any probability of it can be made right by being sure."""
    with pytest.raises(SegkitError, match="hold one label only"):
        fit([observed(sure.scores, np.zeros_like(sure.truth))], "temperature")
