"""Memory and minutes as people say them."""

import math

import pytest

from segkit.errors import UsageError
from segkit.jobs.plan.budget import memory_text, read_memory, read_minutes, time_text


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("8GB", 8 * 10**9),
        ("8G", 8 * 10**9),
        ("512 MB", 512 * 10**6),
        ("1.5GiB", 3 * 2**29),
        ("2gib", 2**31),
        ("3000000", 3 * 10**6),
    ],
)
def test_amounts_of_memory(text: str, bytes_: int) -> None:
    """Decimal units, binary ones with an i, and plain bytes."""
    assert read_memory(text) == bytes_


@pytest.mark.parametrize("text", ["8", "lots", "", "-8GB", "8PB", "8 GB free", "0GB", "nanGB"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """A number without a unit too: eight bytes are a forgotten unit."""
    with pytest.raises(UsageError, match="is no amount of memory; write for instance --memory 8GB"):
        read_memory(text)


@pytest.mark.parametrize("minutes", [0, -1, math.nan, math.inf])
def test_what_is_no_time_is_refused(minutes: float) -> None:
    """Minutes are positive and finite."""
    with pytest.raises(UsageError, match="is no time"):
        read_minutes(minutes)


def test_texts() -> None:
    """As people write them."""
    assert [memory_text(776 * 10**6), memory_text(16.1e9)] == ["776 MB", "16.1 GB"]
    told = [time_text(seconds) for seconds in (0.04, 3.24, 48, 300, 4 * 3600)]
    assert told == ["40 ms", "3.24 s", "48 s", "5 min", "4.0 h"]
