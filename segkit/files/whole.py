"""Whole numbers in text of strangers."""

from __future__ import annotations

import re

DIGITS = re.compile(r"[0-9]{1,18}")
"""As many as fit 64 bits: nothing here counts further."""


def whole_number(text: str) -> int | None:
    """Return the number that digits say, None for all other text.

    `str.isdigit` holds for "²", which `int` refuses, as it refuses more than 4,300 digits: both ended commands with a
    traceback (issue 19).
    """
    return int(text) if DIGITS.fullmatch(text) else None
