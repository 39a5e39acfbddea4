"""Numbers as people read them."""

from __future__ import annotations

import math

UNDEFINED = "–"
MINUS = "−"


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


def signed(value: float | None, unit: str = "") -> str:
    """Write a difference with its sign: "+0.021", "−0.0021"; small ones keep two digits; a dash where undefined."""
    if value is None or math.isnan(value):
        return UNDEFINED
    size = abs(value)
    written = f"{size:.5f}" if size < 0.001 else f"{size:.4f}" if size < 0.01 else number(size)
    sign = "" if not float(written.replace("∞", "inf")) else "+" if value > 0 else MINUS
    return f"{sign}{written if sign else '0.000'}" + (f" {unit}" if unit else "")


def signed_interval(low: float | None, high: float | None) -> str:
    """Write an interval of a difference: "−0.010 to +0.030"; a dash where undefined."""
    return UNDEFINED if low is None or high is None else f"{signed(low)} to {signed(high)}"


def probability(value: float | None) -> str:
    """Write a p-value: three decimals, "< 0.001" below them."""
    if value is None:
        return UNDEFINED
    return "< 0.001" if value < 0.0005 else f"{value:.3f}"


def memory(value: int | None) -> str:
    """Write an amount of memory: "312 MB", "1.4 GB"; a dash where unknown."""
    if value is None:
        return UNDEFINED
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def count(value: int) -> str:
    """Write a whole number with thin spaces, at which no line breaks, between the thousands."""
    return f"{value:,}".replace(",", "\u202f")


def plural(number: int, noun: str) -> str:
    """Write how many there are: "1 thread", "4 threads"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """Write a time: "4.2 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def shares(missed: float | None, extra: float | None) -> str:
    """Say what share of the reference is missed, and what share of the prediction too much; None where it is empty."""
    first = "Nothing in the reference" if missed is None else f"{100 * missed:.1f} % of the reference missed"
    second = "nothing predicted" if extra is None else f"{100 * extra:.1f} % of the prediction outside it"
    return f"{first}; {second}."
