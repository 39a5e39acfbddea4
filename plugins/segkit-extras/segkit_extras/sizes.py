"""How large each class is predicted, beside the reference, from a run's cases.csv."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segkit import SectionContent, SegkitError

COLUMNS = ("class", "cases", "median of predicted / reference", "smallest", "largest")


def build(params: Any) -> Callable[[Path], SectionContent | None]:
    """Build the section of the report."""

    def section(folder: Path) -> SectionContent | None:
        rows = rows_of(folder)
        if not rows:
            return None
        text = "Predicted over reference size of each case that has the class: 1 is as large, 0 is missed."
        return SectionContent("Sizes", (text,), COLUMNS, rows)

    return section


def rows_of(folder: Path) -> list[tuple[str, ...]]:
    """Return one row per class that a reference has; raises SegkitError where the run has no scores."""
    try:
        with (folder / "cases.csv").open(encoding="utf-8", newline="") as stream:
            cases = list(csv.DictReader(stream))
    except OSError as error:
        raise SegkitError(f"{folder / 'cases.csv'} cannot be read: {error.strerror}", "give a finished run") from None
    ratios: dict[str, list[float]] = {}
    for case in cases:
        if int(case["reference"]) > 0:
            ratios.setdefault(case["class"], []).append(int(case["predicted"]) / int(case["reference"]))
    return [
        (name, str(len(found)), *(f"{value:.2f}" for value in (statistics.median(found), min(found), max(found))))
        for name, found in ratios.items()
    ]
