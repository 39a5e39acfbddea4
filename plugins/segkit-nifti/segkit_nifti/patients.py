"""Which patient a case is of: told by a part of its id, or by a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from segkit import Case, SegkitError, UsageError

EXAMPLE = "such as '(\\w+)_scan', whose first group is the patient"


def with_patients(cases: Sequence[Case], pattern: str | None, table: Mapping[str, str] | None = None) -> list[Case]:
    """Give every case its patient.

    Args:
        pattern: regular expression whose first group is the patient in a case's id; goes before the table.
        table: patients by case id.

    Raises:
        UsageError: the expression is none or has no group.
        SegkitError: it does not fit an id.
    """
    if pattern is None:
        return [replace(case, group=(table or {}).get(case.id, case.group)) for case in cases]
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"data.patient={pattern} is no regular expression: {error}", EXAMPLE) from None
    if compiled.groups < 1:
        raise UsageError(f"data.patient={pattern} has no group", EXAMPLE)
    found = []
    for case in cases:
        match = compiled.match(case.id)
        if match is None or not match[1]:
            raise SegkitError(f"data.patient={pattern} does not fit the case {case.id}", "change the expression")
        found.append(replace(case, group=match[1]))
    return found
