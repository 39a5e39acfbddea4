"""Whether the cases that a model is about to be scored on are like those that it was trained on: looked at before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segkit.data.case import Case
from segkit.data.likeness import by_patient, columns_of, drawn
from segkit.declarations import Task
from segkit.engine.summary import number
from segkit.statistics.shift import LEVEL, far_out, smallest_p

SHOWN = 4
"""Numbers that a line names."""
LOGARITHMS = ("size", "spacing")


def shift_record(
    header: Mapping[str, Any], task: Task, cases: Sequence[Case], numbers: Sequence[Sequence[float | None]]
) -> dict[str, Any] | None:
    """Return what summary.json says of how scored cases differ from those of training; None where that is not known.

    Args:
        numbers: of each case, as `segkit.data.likeness.numbers_of` gives them.
    """
    known = header.get("likeness")
    if not known or not known["rows"] or known["columns"] != columns_of(task):
        return None
    rows = [[math.nan if value is None else value for value in row] for row in known["rows"]]
    if len({len(known["columns"]), *map(len, rows)}) > 1:
        return None
    earlier = np.array(rows, np.float64)
    new = drawn(by_patient(numbers, [case.group for case in cases]))
    enough = smallest_p(len(earlier), len(new)) <= LEVEL
    return {
        "level": LEVEL,
        "patients": len(new),
        "trained": len(earlier),
        "enough": enough,
        "far_out": [
            {
                "what": known["columns"][item.column],
                "distance": number(item.distance),
                "p": item.p,
                "trained": as_read(known["columns"][item.column], item.earlier),
                "scored": as_read(known["columns"][item.column], item.new),
            }
            for item in (far_out(earlier, new) if enough else ())
        ],
    }


def as_read(column: str, values: Sequence[float]) -> list[float]:
    """Return percentiles as people read them: sizes and spacings in pixels and mm."""
    return [float(f"{math.exp(value) if column.startswith(LOGARITHMS) else value:.4g}") for value in values]


def shift_lines(record: Mapping[str, Any] | None) -> list[str]:
    """Say before any score what is far out; nothing where nothing is, or nothing is known."""
    if record is None:
        return []
    if not record["enough"]:
        counts = f"{record['patients']} scored and {record['trained']} training patients or cases"
        return [f"note: {counts} are too few to tell whether these images are like those of training"]
    found = record["far_out"]
    if not found:
        return []
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    named = "; ".join(
        f"{item['what']} {item['scored'][1]:g} (training {item['trained'][0]:g} to {item['trained'][2]:g})"
        for item in found[:SHOWN]
    )
    return [f"ANOTHER PLACE: these cases are not like those of training: {named}{more}"]
