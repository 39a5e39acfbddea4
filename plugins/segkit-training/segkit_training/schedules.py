"""Learning rates over what is left of a run after its warm-up."""

from __future__ import annotations

from collections.abc import Callable

from segkit_training.params import Polynomial, Steps

Share = Callable[[float], float]


def polynomial(params: Polynomial) -> Share:
    """From 1 to 0 along a power."""
    return lambda done: (1.0 - done) ** params.power


def steps(params: Steps) -> Share:
    """From 1 by a factor at each place that is passed."""
    return lambda done: params.factor ** sum(done >= place for place in params.at)
