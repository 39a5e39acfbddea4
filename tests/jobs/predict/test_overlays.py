"""Pictures of predictions: where what is drawn, against counts and slices by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from segkit.jobs.predict.overlays import (
    FILLED,
    colour,
    coloured_labels,
    legend_rows,
    montage,
    outline,
    overlay_jpeg,
    overlay_size,
)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((800, 600), (800, 600)), ((1600, 10), (1600, 10)), ((3200, 1600), (1600, 800)), ((1, 6400), (1, 1600))],
)
def test_only_what_is_large_is_shrunk(shape: tuple[int, int], size: tuple[int, int]) -> None:
    """To its longer side; a pixel at least stays."""
    assert overlay_size(shape) == size


def test_classes_have_colours_of_their_own() -> None:
    """Black, the background's, is nobody's, however many classes there are."""
    shades = [colour(label) for label in range(1, 300)]
    assert (0, 0, 0) not in shades
    assert len(set(shades[:7])) == 7
    assert colour(0) == (0, 0, 0)


@pytest.mark.parametrize("thickness", [1, 2, 3])
def test_an_outline_is_what_lies_near_another_label(thickness: int) -> None:
    """Against every pair of pixels that are so many apart along an axis."""
    labels = np.random.default_rng(thickness).integers(0, 2, (7, 9)).repeat(3, 0).repeat(3, 1).astype(np.uint8)
    expected = np.zeros(labels.shape, bool)
    for row, column in np.ndindex(labels.shape):
        for step in range(-thickness, thickness + 1):
            for other in ((row + step, column), (row, column + step)):
                if 0 <= other[0] < labels.shape[0] and 0 <= other[1] < labels.shape[1]:
                    expected[row, column] |= labels[other] != labels[row, column]
    np.testing.assert_array_equal(outline(labels, thickness), expected)


def test_classes_are_tinted_inside_and_full_at_their_edge() -> None:
    """The image is as it was outside; labels on another grid are placed by nearest neighbour."""
    image = np.full((3, 20, 30), 100, np.uint8)
    labels = np.zeros((10, 15), np.uint8)
    labels[3:8, 4:12] = 2
    found = coloured_labels(image, labels[None])
    placed = labels.repeat(2, 0).repeat(2, 1)
    edge = outline(placed, 1) & (placed > 0)
    assert (found[placed == 0] == 100).all()
    assert (found[edge] == colour(2)).all()
    tint = np.rint(100 * (1 - FILLED) + FILLED * np.array(colour(2)))
    assert (found[(placed > 0) & ~edge] == tint).all()
    thick = coloured_labels(np.full((3, 600, 600), 100, np.uint8), labels[None])
    assert (thick == colour(2)).all(axis=2).sum() > 1.8 * 2 * (5 * 60 + 8 * 40)


def test_a_legend_is_broken_where_the_width_ends() -> None:
    """What fits to the last pixel fits; an entry wider than all has a row of its own."""

    class Font:
        def getlength(self, text: str) -> float:
            return float(len(text))

    entries = [("aaaaa", (1, 2, 3)), ("bbbbb", (1, 2, 3)), ("c", None), ("d" * 90, None), ("e", None)]
    # 5 + 2.3 * 10 for a name with its shade, 1 + 10 for one without.
    assert [[text for text, _ in row] for row in legend_rows(entries, Font(), 67, 10)] == [
        ["aaaaa", "bbbbb", "c"], ["d" * 90], ["e"],
    ]  # fmt: skip
    assert [len(row) for row in legend_rows(entries, Font(), 66, 10)] == [2, 1, 1, 1]


def test_an_overlay_has_its_legend_below(tmp_path) -> None:
    """The picture keeps its size, and the legend its colours; without classes and caption there is one empty row."""
    picture = np.full((120, 160, 3), 200, np.uint8)
    with Image.open(io.BytesIO(overlay_jpeg(picture, ["lesion"], "research", quality=100))) as image:
        found = np.asarray(image).astype(int)
    assert found.shape == (120 + round(1.6 * 12), 160, 3)
    assert abs(found[:119] - 200).max() < 8
    below = found[122:]
    near = abs(below - np.array(colour(1))).sum(axis=2) < 60
    assert near.sum() > 60
    assert not near[:, 40:].any()


def test_a_volume_is_shown_by_slices_of_its_foreground() -> None:
    """From feet to head, anterior up and the patient's right at the left, millimetres as long both ways."""
    labels = np.zeros((20, 8, 10), np.uint8)
    labels[6:14, 0, 0] = 1  # posterior, the patient's right end of the axes
    image = np.zeros((1, 20, 8, 10), np.uint8)
    image[:, :, 0] = 200
    found = montage(image, labels[None], (5.0, 2.0, 1.0))
    # 8 x 2 mm by 10 x 1 mm: the longer side has 360 pixels.
    height, width = 360, 225
    assert found.shape == (2 * height, 3 * width, 3)
    for top in range(2):
        for left in range(3):
            panel = found[top * height : (top + 1) * height, left * width : (left + 1) * width]
            assert (panel[-1, -1] == np.rint(200 * (1 - FILLED) + FILLED * np.array(colour(1)))).all()
            assert panel[-1, 0].min() > 150
            assert panel[0].max() == 0
    few = montage(image[:, :2], labels[None, 6:8], None)
    assert few.shape == (288, 2 * 360, 3)
