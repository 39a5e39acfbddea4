"""What AMOS's table tells of the patients and scanners."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from segkit import SegkitError
from segkit.files import read_rows, whole_number

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
        for _, row in read_rows(path, hint="fetch it again, or remove it", file=path.name, ragged=True):
            number = whole_number(row.get("amos_id", "").strip().removeprefix("amos_"))
            if number is None:
                raise SegkitError(f"{path.name} has a row without a number in column amos_id", "mend it, or remove it")
            kept = {name: row.get(column, "").strip() for column, name in FIELDS.items()}
            found[number] = {name: text for name, text in kept.items() if text}
    return found
