"""What a plan may take: memory and minutes, as people say them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from segkit.errors import UsageError

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\Z", re.IGNORECASE)
LEAST = 10**6
"""Fewer bytes than a megabyte are a forgotten unit."""


@dataclass(frozen=True)
class Budget:
    """What a run may take.

    Attributes:
        memory: bytes: of the process on a CPU, of the device elsewhere; None: most of what is free.
        seconds: from the run's start to its report.
    """

    memory: int | None
    seconds: float


def read_memory(text: str) -> int:
    """Read "8GB", "512 MB" or "1.5GiB" as bytes; raises UsageError where it is no amount of memory."""
    found = AMOUNT.match(text.strip())
    amount = 0 if found is None else int(float(found[1]) * UNITS.get(found[2].upper(), 0))
    if amount < LEAST:
        raise UsageError(f"--memory {text!r} is no amount of memory", "write for instance --memory 8GB or 512MB")
    return amount


def read_minutes(minutes: float) -> float:
    """Return minutes as seconds; raises UsageError where they are none."""
    if not math.isfinite(minutes) or minutes <= 0:
        raise UsageError(f"--minutes {minutes:g} is no time", "write for instance --minutes 60")
    return 60 * minutes


def memory_text(count: float) -> str:
    """Bytes as people give them to --memory: "1.2 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def time_text(seconds: float) -> str:
    """Seconds as people read them: "40 ms", "3.2 s", "12 min"."""
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3 * 3600 else f"{seconds / 3600:.1f} h"
