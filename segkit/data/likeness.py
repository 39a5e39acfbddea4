"""What a case is like in a few numbers: its grid, its intensities, its classes' shares; no pixel, no id."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.case import Case, Sample
from segkit.data.class_masks import is_class
from segkit.data.large_array import is_large, parts_of
from segkit.data.survey import survey
from segkit.declarations import Task

PERCENTS = (5, 25, 50, 75, 95)
LOOKED_AT = 2**18
"""Pixels of a channel, evenly spread, that quantiles are taken of: their error is far below what cases differ by."""
DIGITS = 5
"""That are kept of a number: of two cases that differ by less nobody says that they differ."""
MOST_ROWS = 500
"""Patients that a checkpoint tells of: more tell nothing more of where it was trained, and make its header long."""


def columns_of(task: Task) -> list[str]:
    """Name the numbers of a case of a task, in the order of `numbers_of`."""
    axes = "DHW"[-task.spatial_dims :]
    channels = [f" of channel {number}" for number in range(1, task.in_channels + 1)]
    channels = [""] if task.in_channels == 1 else channels
    return [
        *(f"size along {axis}" for axis in axes),
        *(f"spacing along {axis}" for axis in axes),
        *(f"intensity, {percent}th percentile{channel}" for channel in channels for percent in PERCENTS),
        *(f"share of {name}" for name in task.classes),
    ]


def numbers_of(sample: Sample, task: Task, case: Case, image: np.ndarray | None = None) -> list[float | None]:
    """Return a case's numbers; None where there is none, as of the spacing of a photograph.

    Sizes and spacings are logarithms, so that half and double are equally far. Intensities are in the unit that
    networks are given values in: uint8 in 0 to 1, other types as they are.

    Args:
        image: the image on the case's own grid, where `sample` has it on another.
    """
    image = sample.image if image is None else image
    if is_large(image):
        image = survey(image).values
    spacing = sample.spacing or (None,) * len(sample.shape)
    values: list[float | None] = [math.log(side) for side in sample.shape]
    values += [None if length is None else math.log(length) for length in spacing]
    scale = 1 / 255 if image.dtype == np.uint8 else 1.0
    for channel in image:
        flat = channel.reshape(-1)
        values += (np.percentile(flat[:: max(1, flat.size // LOOKED_AT)], PERCENTS) * scale).tolist()
    values += shares_of(sample.mask, task, case)
    return [None if value is None else float(f"{value:.{DIGITS}g}") for value in values]


def shares_of(mask: np.ndarray | None, task: Task, case: Case) -> list[float | None]:
    """Return each class's share of the pixels that are not ignored; None where it was not looked for."""
    if mask is None:
        return [None] * len(task.classes)
    shares: list[float | None] = []
    for label, name in enumerate(task.classes, start=1):
        valid = inside = 0
        for part in parts_of(mask):
            plane = part[label - 1] if task.overlapping else part
            valid += plane.size - int(np.count_nonzero(plane == IGNORE))
            inside += int(np.count_nonzero(is_class(part, label, task)))
        known = valid and (case.annotated is None or name in case.annotated)
        shares.append(inside / valid if known else None)
    return shares


def by_patient(numbers: Sequence[Sequence[float | None]], patients: Sequence[str | None]) -> np.ndarray:
    """Return one row per patient (patients, columns), the mean of its cases, NaN where none has the number.

    Cases of one patient are alike: counted one by one they would make any other patients look like another place. A
    case without a patient is one of its own.
    """
    rows = np.array([[math.nan if value is None else value for value in row] for row in numbers], np.float64)
    names = [f"/{place}" if patient is None else patient for place, patient in enumerate(patients)]
    order = {name: place for place, name in enumerate(dict.fromkeys(names))}
    where = np.array([order[name] for name in names])
    known = np.isfinite(rows)
    sums, counts = np.zeros((len(order), rows.shape[1])), np.zeros((len(order), rows.shape[1]))
    np.add.at(sums, where, np.where(known, rows, 0.0))
    np.add.at(counts, where, known)
    result: np.ndarray = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return result


def drawn(rows: np.ndarray) -> np.ndarray:
    """Return at most MOST_ROWS of some rows, drawn by what they hold, in an order that tells nothing of cases."""
    rounded = [[None if math.isnan(value) else float(f"{value:.{DIGITS}g}") for value in row] for row in rows.tolist()]
    shuffled = sorted(rounded, key=lambda row: hashlib.sha256(json.dumps(row).encode()).hexdigest())[:MOST_ROWS]
    return np.array([[math.nan if value is None else value for value in row] for row in shuffled])


def likeness_record(task: Task, rows: np.ndarray) -> dict[str, Any]:
    """What a checkpoint says of the cases that it was trained on: a row per patient, without order."""
    kept = [[None if math.isnan(value) else value for value in row] for row in drawn(rows).tolist()]
    return {"columns": columns_of(task), "rows": kept, "patients": len(rows)}
