"""What is written of a bound that a threshold keeps."""

from __future__ import annotations

import numpy as np
import pytest

from segkit.jobs.calibrate.compose import risk_record
from segkit.jobs.calibrate.observe import Observed
from segkit.jobs.calibrate.trust import Signs
from segkit.statistics.risk import THRESHOLDS


@pytest.fixture
def cases():
    """Forty cases whose foreground is sure everywhere."""
    foreground = np.zeros(len(THRESHOLDS), np.int64)
    foreground[-1] = 100
    nothing = np.zeros((0, 1)), np.zeros(0, np.int64)
    return [Observed(str(number), *nothing, foreground, Signs(None, 0.9, None, 0.9)) for number in range(40)]


@pytest.mark.parametrize(
    ("header", "selected"), [({"selected_on": "val"}, True), ({"selected_on": None}, False), ({}, None)]
)
def test_whether_the_epoch_was_chosen_on_the_same_cases_is_said(cases, header, selected):
    """A checkpoint of old does not know."""
    found = risk_record(header, cases, 0.1)
    assert (found["level"], found["cases"], found["split"]) == (0.1, 40, "val")
    assert found["selected_on"] is selected


def test_without_a_bound_there_is_no_record(cases):
    """Nothing is promised that nobody asked for."""
    assert risk_record({}, cases, None) is None
