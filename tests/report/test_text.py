import math

import pytest

from segkit.report import text


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.7951, "", "0.795"),
        (3.4216, "mm", "3.422 mm"),
        (34.216, "", "34.22"),
        (342.16, "", "342.2"),
        (None, "mm", "–"),
        (math.nan, "", "–"),
        (math.inf, "mm", "∞"),
        (-math.inf, "", "−∞"),
    ],
)
def test_number(value, unit, shown):
    """Scores keep about four digits; what is undefined or infinite says so."""
    assert text.number(value, unit) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(4.22, "4.2 s"), (200.1, "3 min 20 s"), (7510, "2 h 5 min")])
def test_duration(seconds, shown):
    """Times are written in the two units that matter."""
    assert text.duration(seconds) == shown


def test_count_separates_thousands():
    """Thousands stand apart, and the digits are the number's."""
    assert text.count(4_400_000).split() == ["4", "400", "000"]


def test_interval_needs_both_ends():
    """An interval with an undefined end is undefined."""
    assert text.interval(0.7, 0.9) == "0.700 to 0.900"
    assert text.interval(None, 0.9) == text.UNDEFINED
