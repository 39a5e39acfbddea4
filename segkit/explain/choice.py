"""Which cases are explained, by rank or id (no torch, no numpy)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from segkit.declarations import Task
from segkit.errors import UsageError, did_you_mean
from segkit.explain.targets import parse_target
from segkit.settings import Explain

RANK = re.compile(r"(?P<end>worst|best)(:(?P<count>[1-9][0-9]{0,8}))?\Z")
MEDIAN = "median"


def check_explain(settings: Explain, classes: Sequence[str], ids: Sequence[str]) -> None:
    """Raise UsageError where a target cannot be meant or a case is not among the scored ones."""
    parse_target(settings.target, Task(1, tuple(classes)))
    for text in settings.cases:
        if text != MEDIAN and not RANK.match(text) and text not in ids:
            raise unknown_case(text, ids)


def unknown_case(text: str, ids: Sequence[str]) -> UsageError:
    """Say that there is no such case."""
    return UsageError(
        f"there is no case {text!r} among the {len(ids)} scored ones{did_you_mean(text, ids)}",
        "say worst, worst:4, median, best, best:2, or the id of a scored case",
    )


def choose(texts: Sequence[str], scores: Mapping[str, float], *, higher_is_better: bool) -> list[tuple[str, str]]:
    """Return the cases meant as (label, case id), each once, in the order asked for.

    Cases without a score have no rank; ties go by id, so that the choice is the same every time. Of an even number the
    median is the worse of the middle two.

    Args:
        texts: "worst", "worst:4", "best", "best:2", "median" or an id.
        scores: of every scored case, by id.

    Raises:
        UsageError: there is no such case.
    """
    sign = 1.0 if higher_is_better else -1.0
    ranked = [case for _, case in sorted((sign * score, case) for case, score in scores.items() if score == score)]
    chosen: dict[str, str] = {}
    for text in texts:
        found = RANK.match(text)
        if text in scores:
            chosen.setdefault(text, "case")
        elif found is not None:
            for case, label in by_rank(ranked, found["end"], int(found["count"] or 1)):
                chosen.setdefault(case, label)
        elif text == MEDIAN:
            if ranked:
                chosen.setdefault(ranked[(len(ranked) - 1) // 2], MEDIAN)
        else:
            raise unknown_case(text, list(scores))
    return [(label, case) for case, label in chosen.items()]


def by_rank(ranked: Sequence[str], end: str, count: int) -> list[tuple[str, str]]:
    """Return cases from one end with their labels: "worst", "2nd worst"."""
    ordered = ranked[:count] if end == "worst" else ranked[::-1][:count]
    return [(case, end if place == 1 else f"{ordinal(place)} {end}") for place, case in enumerate(ordered, start=1)]


def ordinal(number: int) -> str:
    """Write a place: 2nd, 3rd, 4th."""
    tens = math.floor(number / 10) % 10
    ending = "th" if tens == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
