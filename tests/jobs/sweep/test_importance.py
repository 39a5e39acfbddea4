"""How much of the trials' ranks a setting explains."""

from __future__ import annotations

import random

import numpy as np
import pytest

from segkit.contracts import SearchedSetting, Trial
from segkit.jobs.sweep.importance import importance

WIDTH = SearchedSetting("arch.width", ("8", "16", "32"))
RATE = SearchedSetting("train.learning_rate", (), 0.0, 1.0)


def trials(scores, values, setting):
    """Trials of one setting."""
    return [
        Trial(n, {setting.name: str(v)}, "finished", s) for n, (s, v) in enumerate(zip(scores, values, strict=True))
    ]


def test_by_the_plain_formula() -> None:
    """Epsilon squared from the mean squares of an analysis of variance of the ranks."""
    draw = random.Random(0)
    values = [WIDTH.choices[n % 3] for n in range(18)]
    scores = [draw.random() + 0.3 * (value == "16") for value in values]
    ranks = np.argsort(np.argsort(scores)) + 1.0
    groups = [ranks[[value == choice for value in values]] for choice in WIDTH.choices]
    between = sum(len(group) * (group.mean() - ranks.mean()) ** 2 for group in groups)
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    expected = (between - 2 * within / 15) / (between + within)
    assert importance(WIDTH, trials(scores, values, WIDTH)) == pytest.approx(max(0.0, expected))


def test_nothing_and_everything() -> None:
    """Noise explains nothing on average; a setting that decides explains nearly all, wherever its optimum lies."""
    draw = random.Random(1)
    values = [draw.random() for _ in range(40)]
    noise = [importance(RATE, trials([draw.random() for _ in values], values, RATE)) for _ in range(200)]
    assert np.mean(noise) < 0.06
    assert importance(RATE, trials(values, values, RATE)) > 0.9
    assert importance(RATE, trials([-abs(value - 0.5) for value in values], values, RATE)) > 0.7


def test_too_few() -> None:
    """Of five trials nothing is said."""
    assert importance(RATE, trials([0.1] * 5, range(5), RATE)) is None
    assert importance(RATE, trials([0.1] * 8, range(8), RATE)) == 0.0
