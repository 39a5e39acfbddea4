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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0213, "+0.021"),
        (-0.0213, "−0.021"),
        (0.00213, "+0.0021"),
        (-0.000213, "−0.00021"),
        (0.0, "0.000"),
        (-1e-9, "0.000"),
        (-12.345, "−12.35"),
        (math.inf, "+∞"),
        (None, "–"),
    ],
)
def test_differences_have_a_sign(value, shown):
    """A difference says which way it goes, unless it rounds to nothing."""
    assert text.signed(value) == shown


def test_probabilities_and_memory():
    """A p-value is never written as 0; memory in the unit that fits."""
    assert [text.probability(value) for value in (0.0321, 0.00049, 1.0, None)] == ["0.032", "< 0.001", "1.000", "–"]
    assert [text.memory(value) for value in (793_477_120, 2_340_000_000, None)] == ["793 MB", "2.3 GB", "–"]


def test_interval_needs_both_ends():
    """An interval with an undefined end is undefined."""
    assert text.interval(0.7, 0.9) == "0.700 to 0.900"
    assert text.interval(None, 0.9) == text.UNDEFINED


@pytest.mark.parametrize(
    ("missed", "extra", "said"),
    [
        (0.125, 0.5, "12.5 % of the reference missed; 50.0 % of the prediction outside it."),
        (None, 1.0, "Nothing in the reference; 100.0 % of the prediction outside it."),
        (1.0, None, "100.0 % of the reference missed; nothing predicted."),
    ],
)
def test_what_a_case_shows_in_words(missed, extra, said):
    """Each side has its own word where it is empty."""
    assert text.shares(missed, extra) == said
