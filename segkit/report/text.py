"""Numbers as people read them."""

from __future__ import annotations

import math

UNDEFINED = "–"


def number(value: float | None, unit: str = "") -> str:
    """Write a score: three decimals below 10, fewer above; a dash where undefined, "∞" where infinite."""
    if value is None or math.isnan(value):
        return UNDEFINED
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    decimals = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1
    return f"{value:.{decimals}f}" + (f" {unit}" if unit else "")


def interval(low: float | None, high: float | None) -> str:
    """Write an interval: "0.750 to 0.830"; a dash where undefined."""
    return UNDEFINED if low is None or high is None else f"{number(low)} to {number(high)}"


def count(value: int) -> str:
    """Write a whole number with thin spaces between the thousands."""
    return f"{value:,}".replace(",", " ")


def duration(seconds: float) -> str:
    """Write a time: "4.2 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
