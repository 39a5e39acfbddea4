"""One YOLO label file: a class and the corners of its outline in each line, in shares of the image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segkit_coco import faults
from segkit_nifti.problems import Fault, Faults, add

CLASS = re.compile(r"(\d{1,6})(\.0*)?\Z", re.ASCII)
BOX = 5
"""Numbers in the line of a box: class, x, y, width and height."""
FARTHEST = 1.0
"""Shares that an outline may reach out of its image, where it is cut off; what is farther away is in pixels."""
ROUNDING = 0.002


@dataclass(frozen=True)
class Line:
    """One outline.

    Attributes:
        number: of the line, from 1.
        points: (n, 2) float64, x and y in shares of the image.
    """

    number: int
    category: int
    points: np.ndarray


def read_labels(path: Path, name: str, found: Faults, remarks: Faults) -> list[Line]:
    """Read a label file; lines that cannot be used are added to `found`, what is told to `remarks`.

    Args:
        name: as the file is told.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        add(found, faults.YOLO_TEXT, name)
        return []
    lines = []
    for number, written in enumerate(text.splitlines(), 1):
        words = written.split()
        if not words:
            continue
        line, fault = read_line(words, number)
        if fault is not None:
            add(found, fault, f"{name}, line {number}")
        elif line is not None:
            lines.append(line)
            if (np.abs(line.points - 0.5) > 0.5 + ROUNDING).any():
                add(remarks, faults.CLIPPED, f"{name}, line {number}")
    if not lines:
        add(remarks, faults.EMPTY_LABEL, name)
    return lines


def read_line(words: list[str], number: int) -> tuple[Line | None, Fault | None]:
    """Return a line's outline, or what is wrong with it."""
    category = CLASS.match(words[0])
    try:
        numbers = np.array(words[1:], np.float64)
    except ValueError:
        return None, faults.YOLO_LINE
    if category is None:
        return None, faults.YOLO_LINE
    if len(words) == BOX:
        return None, faults.YOLO_BOX
    if len(numbers) % 2:
        return None, faults.YOLO_LINE
    if len(numbers) < 6:
        return None, faults.FEW_POINTS
    # Comparing with NaN is false.
    if not (np.abs(numbers - 0.5) <= 0.5 + FARTHEST).all():
        return None, faults.YOLO_SHARES
    return Line(number, int(category[1]), numbers.reshape(-1, 2)), None
