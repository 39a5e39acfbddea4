"""Sums of losses as text."""

import pytest

from segkit.errors import UsageError
from segkit.planning.terms import Term, parse_sum


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("dice", (Term(1.0, "dice"),)),
        ("dice+0.5*focal", (Term(1.0, "dice"), Term(0.5, "focal"))),
        (" 2 * a:b-c + ce ", (Term(2.0, "a:b-c"), Term(1.0, "ce"))),
    ],
)
def test_sums_are_read(text: str, terms: tuple[Term, ...]) -> None:
    """Factors and names are taken apart, in order."""
    assert parse_sum(text) == terms
    assert parse_sum(" + ".join(map(str, terms))) == terms


@pytest.mark.parametrize("text", ["", "dice +", "x*dice", "0*dice", "-1*dice", "inf*dice", "dice + dice", "dice focal"])
def test_other_texts_are_usage_errors(text: str) -> None:
    """What is not a sum of named losses with positive factors is refused in words."""
    with pytest.raises(UsageError):
        parse_sum(text)
