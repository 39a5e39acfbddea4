"""What a case can be trusted for: which of its signs tells its Dice best, chosen on validation cases alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segkit.engine.expected import Line
from segkit.statistics.estimating import fit_line, left_out_error
from segkit.statistics.failure_ranking import rank_failures

FORMS: dict[str, tuple[int, ...]] = {"probabilities": (0,), "agreement": (1,), "both": (0, 1)}
"""What a line may stand on, the simplest first: of equal ones that is taken."""
COPIES, MODELS = "mirrored copies", "models"
FEWEST = 3
"""Cases of a line."""


@dataclass(frozen=True)
class Signs:
    """What one case says of itself, and its Dice.

    Attributes:
        soft: the Dice that its probabilities expect.
        agreement: mean Dice of its members' label maps with one another, 0 where none marks anything; None of one.
        dice: what it was, the mean over the classes of either side; NaN where both sides are empty.
    """

    group: str | None
    soft: float
    agreement: float | None
    dice: float


@dataclass(frozen=True)
class Choice:
    """The line that was chosen.

    Attributes:
        by: of `FORMS`.
        tried: for each form the error of left-out patients, that of the chosen one the least.
        cases: that it stands on.
    """

    line: Line
    by: str
    tried: dict[str, float]
    cases: int

    def at(self, signs: Signs) -> float:
        """Return the Dice that a case can expect."""
        return self.line.at(signs.soft, signs.agreement)


def choose(cases: Sequence[Signs]) -> Choice | None:
    """Choose the signs whose line misses the Dice of left-out patients least; None where there are too few cases."""
    usable = [case for case in cases if math.isfinite(case.dice)]
    if len(usable) < FEWEST:
        return None
    table = np.array([(case.soft, case.agreement or 0.0) for case in usable])
    dice, groups = np.array([case.dice for case in usable]), [case.group for case in usable]
    several = all(case.agreement is not None for case in usable)
    tried = {
        name: left_out_error(table[:, columns], dice, groups)
        for name, columns in FORMS.items()
        if several or name == "probabilities"
    }
    by = min(tried, key=lambda name: math.inf if math.isnan(tried[name]) else tried[name])
    slopes, intercept = fit_line(table[:, FORMS[by]], dice)
    factors = dict(zip(FORMS[by], map(float, slopes), strict=True))
    return Choice(Line(factors.get(0, 0.0), factors.get(1, 0.0), intercept), by, tried, len(usable))


def estimate_record(
    all_cases: Sequence[Signs], parts: Sequence[tuple[Sequence[Signs], Sequence[Signs]]], split: str, members: str
) -> dict[str, Any] | None:
    """Return the line from what a case says to its Dice, and how well it ranks cases that it was not fitted to.

    None where there are too few cases for an order: no estimate is shown without that figure.

    Args:
        all_cases: of validation, that the line is chosen on.
        parts: cases that a line is chosen on, and those it is shown on.
        members: whose label maps agree.
    """
    chosen = choose(all_cases)
    expected: list[float] = []
    for fitted, shown in parts:
        line = choose(fitted)
        if line is None:
            return None
        expected += [line.at(case) for case in shown]
    cases = [case for _, shown in parts for case in shown]
    ranking = rank_failures(np.array(expected), np.array([case.dice for case in cases]), [case.group for case in cases])
    if chosen is None or ranking is None:
        return None
    return {
        "score": "Dice",
        "by": chosen.by,
        "slope": chosen.line.soft,
        "agreement_slope": chosen.line.agreement,
        "intercept": chosen.line.intercept,
        "members": members if len(chosen.tried) > 1 else None,
        "tried": {name: None if math.isnan(error) else error for name, error in chosen.tried.items()},
        "cases": chosen.cases,
        "ranking": {**ranking.as_record(), "split": split},
    }
