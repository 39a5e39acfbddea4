"""How wide structures are, and of which nothing is left once images are resized."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from segkit import Case, Sample, Task
from segkit.data.thinness import thin_classes, width_of


@pytest.mark.parametrize("width", [1, 3, 5, 9])
def test_the_width_of_a_line(width: int) -> None:
    """A line of an odd width is as wide as it was drawn, straight, oblique or touching the border."""
    mask = np.zeros((120, 150), bool)
    mask[40 : 40 + width] = True
    assert width_of(mask) == width
    picture = Image.new("L", (150, 120))
    ImageDraw.Draw(picture).line([(10, 10), (140, 100)], fill=1, width=width)
    assert width_of(np.asarray(picture) > 0) == pytest.approx(width, abs=2)


def test_a_blob_is_as_wide_as_its_middle() -> None:
    """A disc is not thin for its rim; nothing marked has no width."""
    rows, columns = np.ogrid[:100, :100]
    assert width_of((rows - 50) ** 2 + (columns - 50) ** 2 < 30**2) > 50
    assert width_of(np.zeros((5, 5), bool)) is None


def test_thin_ones_beside_thick_ones(array_reader) -> None:
    """Of two classes only that is told of which resizing leaves less than two pixels; what is not resized, not."""
    mask = np.zeros((400, 400), np.uint8)
    mask[100:200, 100:200], mask[::40] = 1, 2
    samples = {"a": Sample(np.zeros((3, 400, 400), np.uint8), mask)}
    task = Task(3, ("organ", "vessel"), 2)
    reader = array_reader(samples, task)
    assert thin_classes(reader, [Case("a")], task, (128, 128)) == {"vessel": (1.0, pytest.approx(0.32))}
    assert thin_classes(reader, [Case("a")], task, (400, 400)) == {}
