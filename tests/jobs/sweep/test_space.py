"""What is searched, as people write it, and random values of it."""

from __future__ import annotations

import math

import pytest

from segkit.contracts import SearchedSetting, StudyInfo
from segkit.errors import UsageError
from segkit.jobs.sweep.space import RandomSearch, ends_of, read_space, value_at, value_text
from segkit.jobs.sweep.study import described


def test_three_ways_to_write_it() -> None:
    """A list, a range, a range by orders of magnitude; ends without a point mean whole numbers."""
    space = read_space(
        ["arch.width=16, 24,32", "augment.scale = 0..0.5", "train.learning_rate=log:1e-4..1e-2", "arch.depth=3..6"]
    )
    assert space == (
        SearchedSetting("arch.width", ("16", "24", "32")),
        SearchedSetting("augment.scale", (), 0.0, 0.5),
        SearchedSetting("train.learning_rate", (), 1e-4, 1e-2, log=True),
        SearchedSetting("arch.depth", (), 3, 6, whole=True),
    )
    assert [described(setting) for setting in space] == [
        "arch.width=16,24,32",
        "augment.scale=0..0.5",
        "train.learning_rate=log:0.0001..0.01",
        "arch.depth=3..6",
    ]
    assert ends_of(space[2]) == ("0.0001", "0.01")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("width=1,2", "names no setting with values"),
        ("arch.width", "names no setting with values"),
        ("arch.width=", "names no setting with values"),
        ("arch.width=16", "has too few values, or one twice"),
        ("arch.width=16,16", "has too few values, or one twice"),
        ("arch.width=16,,24", "is no range and no list of values"),
        ("arch.width=log:16,24", "is no range and no list of values"),
        ("arch.width=9..3", "9..3 is no range of two numbers, the lower first"),
        ("arch.width=3..3", "is no range of two numbers"),
        ("arch.width=a..b", "is no range of two numbers"),
        ("arch.width=1..2..3", "is no range of two numbers"),
        ("arch.width=1..inf", "is no range of two numbers"),
        ("arch.width=nan..1", "is no range of two numbers"),
        ("train.learning_rate=log:0..1", "begins above 0"),
    ],
)
def test_what_cannot_be_meant(text, told) -> None:
    """Each with the way to write it."""
    with pytest.raises(UsageError, match=told) as refused:
        read_space([text])
    assert "write SETTING=A,B,C" in str(refused.value)


def test_nothing_and_twice() -> None:
    """A space has a setting, and each one once."""
    with pytest.raises(UsageError, match="nothing to search was named"):
        read_space([])
    with pytest.raises(UsageError, match=r"--vary arch\.width was given twice; say all of its values at once"):
        read_space(["arch.width=1,2", "arch.width=3,4"])


def test_values_fill_their_range_evenly() -> None:
    """Whole numbers and choices have equal shares, ends included; orders of magnitude too."""
    shares = [(step + 0.5) / 1200 for step in range(1200)]
    whole = SearchedSetting("a.b", (), 3, 6, whole=True)
    assert [[value_at(whole, share) for share in shares].count(value) for value in "3456"] == [300] * 4
    choices = SearchedSetting("a.b", ("x", "y", "z"))
    assert [[value_at(choices, share) for share in shares].count(value) for value in "xyz"] == [400] * 3
    rates = [float(value_at(SearchedSetting("a.b", (), 1e-4, 1e-2, log=True), share)) for share in shares]
    assert sum(rate < 1e-3 for rate in rates) == pytest.approx(600, abs=2)
    assert (min(rates), max(rates)) == (pytest.approx(1e-4, rel=0.01), pytest.approx(1e-2, rel=0.01))
    counts = [value_at(SearchedSetting("a.b", (), 8, 64, log=True, whole=True), share) for share in shares]
    assert {"8", "64"} <= set(counts)
    assert all(8 <= int(count) <= 64 for count in counts)


def test_rounding_leaves_no_range() -> None:
    """Four digits of a value at the end would lie outside."""
    assert value_text(SearchedSetting("a.b", (), 0.1, 0.123456), 0.1234561) == "0.123456"
    assert value_text(SearchedSetting("a.b", (), 0.1, 0.5), math.pi / 10) == "0.3142"


def test_a_random_trial_follows_from_its_number(tmp_path) -> None:
    """Whoever asks, and whatever was before; another seed draws others, and no two trials are alike."""
    space = read_space(["train.learning_rate=log:1e-4..1e-2", "arch.depth=3..6"])
    one, two, other = (RandomSearch(StudyInfo(tmp_path, "x", space, True, seed)) for seed in (1, 1, 2))
    assert one.suggest(7, []) == two.suggest(7, [object()])
    assert one.suggest(7, []) != other.suggest(7, [])
    assert len({tuple(one.suggest(number, []).values()) for number in range(50)}) == 50
