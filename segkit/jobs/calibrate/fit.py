"""From observed cases to a calibration: its factors, its threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from segkit.engine.calibration import Calibration
from segkit.errors import SegkitError, UsageError
from segkit.jobs.calibrate.observe import Observed
from segkit.statistics.risk import cases_needed, controlled_threshold, missed_shares
from segkit.statistics.scaling import fit_temperature, fit_vector

METHODS = ("temperature", "vector")
RISK = "fnr"
ASSUMES = (
    "the mean share of missed foreground of a new case that is exchangeable with these, not of every case; "
    "cases without foreground are not counted"
)


def fit(observed: Sequence[Observed], method: str) -> Calibration:
    """Fit factors and shifts to the drawn pixels of all cases.

    Raises:
        SegkitError: their masks hold one label only, so that any probability can be made right by being sure.
    """
    scores = np.concatenate([case.scores for case in observed])
    truth = np.concatenate([case.truth for case in observed])
    if len(np.unique(truth)) < 2:
        raise SegkitError(
            "the validation masks hold one label only, in all drawn pixels", "calibrate on cases that show a structure"
        )
    channels = scores.shape[1]
    if method == "vector":
        scale, shift = fit_vector(scores, truth)
        return Calibration(tuple(map(float, scale)), tuple(map(float, shift)))
    return Calibration((1 / fit_temperature(scores, truth),) * channels, (0.0,) * channels)


def read_risk(text: str) -> float:
    """Return the level of "fnr=0.1"; raises UsageError for anything else."""
    name, _, value = text.partition("=")
    try:
        level = float(value)
    except ValueError:
        level = math.nan
    if name.strip() != RISK or not 0 < level < 1:
        raise UsageError(
            f"--risk {text!r} is no bound that can be kept", "say --risk fnr=0.1: the mean share of missed foreground"
        )
    return level


def control_risk(observed: Sequence[Observed], level: float) -> tuple[float, int]:
    """Return the threshold of the foreground's probability and the number of cases it stands on.

    Raises:
        SegkitError: there are too few cases with foreground, or only marking everything would keep the bound.
    """
    counts = np.stack([case.foreground for case in observed])
    counts = counts[counts.sum(axis=1) > 0]
    needed = cases_needed(level)
    if len(counts) < needed:
        raise SegkitError(
            f"--risk {RISK}={level:g} needs at least {needed} held-out cases with foreground, there are {len(counts)}",
            f"hold out more, or ask for {RISK}={1 / (len(counts) + 1):.2g} or more",
        )
    threshold = controlled_threshold(missed_shares(counts), level)
    if threshold is None or threshold == 0:
        raise SegkitError(
            f"--risk {RISK}={level:g}: on these {len(counts)} cases only marking everything keeps the bound",
            "ask for a weaker bound, hold out more cases, or train a better model",
        )
    return threshold, len(counts)
