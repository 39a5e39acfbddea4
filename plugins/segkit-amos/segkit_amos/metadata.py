"""What AMOS's table tells of the patients and scanners."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from segkit import SegkitError

PATTERN = "labeled_data_meta*.csv"
FIELDS = {
    "Patient's Sex": "sex",
    "Patient's Age": "age",
    "Manufacturer": "manufacturer",
    "Manufacturer's Model Name": "scanner",
    "Site": "site",
}
"""Columns that are kept, and what they are called; birth and acquisition dates are left alone."""


def read_metadata(root: Path) -> Mapping[int, Mapping[str, str]]:
    """Return what the tables in `root` say by the number of a case; empty where there is no table.

    Raises:
        SegkitError: a table cannot be read or has no column of ids.
    """
    found: dict[int, dict[str, str]] = {}
    for path in sorted(root.glob(PATTERN)):
        try:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                rows = list(csv.DictReader(stream))
        except (OSError, ValueError, csv.Error) as error:
            raise SegkitError(f"{path.name} cannot be read: {error}", "fetch it again, or remove it") from error
        for row in rows:
            number = (row.get("amos_id") or "").strip().removeprefix("amos_")
            if not number.isdecimal():
                raise SegkitError(f"{path.name} has a row without a number in column amos_id", "mend it, or remove it")
            kept = {name: (row.get(column) or "").strip() for column, name in FIELDS.items()}
            found[int(number)] = {name: text for name, text in kept.items() if text}
    return found
