"""Which cases are explained."""

import pytest

from segkit import UsageError
from segkit.explain.choice import check_explain, choose, ordinal
from segkit.settings import Explain

SCORES = {"a": 0.9, "b": 0.1, "c": float("nan"), "d": 0.5, "e": 0.7}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("worst", "median", "best"), [("worst", "b"), ("median", "d"), ("best", "a")]),
        (("worst:2",), [("worst", "b"), ("2nd worst", "d")]),
        (("best:9",), [("best", "a"), ("2nd best", "e"), ("3rd best", "d"), ("4th best", "b")]),
        (("c", "worst", "b"), [("case", "c"), ("worst", "b")]),
    ],
)
def test_by_rank_and_by_id(texts, expected):
    """Each once, in the order asked for; cases without a score have no rank."""
    assert choose(texts, SCORES, higher_is_better=True) == expected


def test_smaller_may_be_better():
    """The largest distance is the worst."""
    assert choose(("worst",), SCORES, higher_is_better=False) == [("worst", "a")]


def test_unknown_cases_and_targets_are_usage_errors():
    """Before anything is trained."""
    ids = ["ISIC_1", "ISIC_2"]
    check_explain(Explain(cases=("worst:3", "ISIC_1")), ("lesion",), ids)
    with pytest.raises(UsageError, match="did you mean 'ISIC_"):
        check_explain(Explain(cases=("ISIC_3",)), ("lesion",), ids)
    with pytest.raises(UsageError, match="no class 'liver'"):
        check_explain(Explain(target="fp:liver"), ("lesion",), ids)
    with pytest.raises(UsageError, match="no case 'worst:0'"):
        choose(("worst:0",), SCORES, higher_is_better=True)


def test_places_are_written_in_english():
    """11th is no 11st."""
    assert [ordinal(number) for number in (2, 3, 4, 11, 12, 21, 112)] == [
        "2nd", "3rd", "4th", "11th", "12th", "21st", "112th",
    ]  # fmt: skip
