"""Whole numbers in text of strangers: of digits that everybody knows, and not of thousands of them."""

import pytest

from segkit.files.whole import whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_digits_are_a_number(text, number):
    """Up to what fits 64 bits."""
    assert whole_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "1.0", "1e3", "²", "٣", "①", "1_0", "1\n", "9" * 19, "9" * 5000]
)
def test_all_other_text_is_none(text):
    """Also what `str.isdigit` or `int` take, and what one of them takes alone."""
    assert whole_number(text) is None
