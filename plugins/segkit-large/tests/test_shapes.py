"""Polygons drawn tile by tile: the same as drawn whole, and refused where it cannot be told what they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from segkit import UnusableFileError
from segkit_coco.polygons import fill
from segkit_large import shapes
from segkit_large.shapes import ShapesMask, read_shapes

SIZE = (100, 140)


@pytest.fixture
def mask_of(tmp_path: Path) -> Callable[..., ShapesMask]:
    """Read GeoJSON text as a mask: `mask_of(text, "tumour")`."""

    def make(text: str, *classes: str, **options: object) -> ShapesMask:
        (tmp_path / "a.geojson").write_text(text)
        found = read_shapes(tmp_path / "a.geojson", "a.geojson")
        return ShapesMask(found, classes or ("tumour",), SIZE, "a.geojson", **options)  # type: ignore[arg-type]

    return make


def test_tiles_put_together_are_the_whole(mask_of, drawn: SimpleNamespace) -> None:
    """A hundred random polygons drawn in tiles of any size are the label map that they are drawn as at once."""
    random = np.random.default_rng(0)
    features = []
    for _ in range(100):
        middle, lengths = random.uniform(0, 100, 2), random.uniform(2, 12, 9)
        angles = np.linspace(0, 2 * np.pi, 9, endpoint=False)
        points = middle + lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        features.append(drawn.feature(drawn.ring(*np.round(points, 2).tolist())))
    mask = mask_of(drawn.collection(*features))
    whole = np.asarray(mask)
    expected = np.zeros(SIZE, bool)
    for shape in mask.shapes:
        patch = fill(shape.rings[0], SIZE)
        expected[patch.window] |= patch.inside
    assert np.array_equal(whole, expected)
    for height, width in ((7, 13), (64, 64), (1, 140)):
        found = np.zeros(SIZE, np.uint8)
        for top in range(0, SIZE[0], height):
            for left in range(0, SIZE[1], width):
                part = (slice(top, min(top + height, SIZE[0])), slice(left, min(left + width, SIZE[1])))
                found[part] = mask.read(*part)
        assert np.array_equal(found, whole)


def test_holes_and_several_parts(mask_of, drawn: SimpleNamespace) -> None:
    """A hole is not inside; a multipolygon is all of its parts."""
    outer = drawn.ring((10, 10), (50, 10), (50, 50), (10, 50))
    hole = drawn.ring((20, 20), (30, 20), (30, 30), (20, 30))
    assert np.asarray(mask_of(drawn.collection(drawn.feature(outer, hole)))).sum() == 1600 - 100
    other = drawn.ring((60, 60), (70, 60), (70, 70), (60, 70))
    several = drawn.feature(outer)
    several["geometry"] = {"type": "MultiPolygon", "coordinates": [[outer, hole], [other]]}
    assert np.asarray(mask_of(drawn.collection(several))).sum() == 1600 - 100 + 100


def test_polygons_of_the_largest_level_on_a_coarser_one(mask_of, drawn: SimpleNamespace) -> None:
    """Corners in pixels of the largest level are brought to the level that is read."""
    text = drawn.collection(drawn.feature(drawn.ring((20, 40), (60, 40), (60, 80), (20, 80))))
    found = np.asarray(mask_of(text, scale=(0.5, 0.5)))
    assert found[20:40, 10:30].all()
    assert found.sum() == 400


def test_polygons_outside_of_the_image(mask_of, drawn: SimpleNamespace) -> None:
    """One beyond the image is a mistake and refused; one that reaches over its border is cut off there."""
    beyond = drawn.feature(drawn.ring((200, 10), (240, 10), (240, 50)))
    with pytest.raises(UnusableFileError, match="1 polygons outside of its image of 100 x 140") as told:
        mask_of(drawn.collection(beyond))
    assert "level" in told.value.hint
    over = drawn.feature(drawn.ring((-10, -10), (10, -10), (10, 10), (-10, 10)))
    assert np.asarray(mask_of(drawn.collection(over))).sum() == 100


def test_an_outline_that_crosses_itself(mask_of, drawn: SimpleNamespace) -> None:
    """Run round twice, pixels are inside by one rule only: refused where they are drawn; a figure of eight is not."""
    twice = drawn.ring((10, 10), (60, 10), (60, 60), (20, 60), (20, 20), (50, 20), (50, 50), (10, 50))
    mask = mask_of(drawn.collection(drawn.feature(twice)))
    with pytest.raises(UnusableFileError, match="an outline that crosses itself \\(feature 1"):
        np.asarray(mask)
    eight = drawn.ring((10, 10), (50, 50), (50, 10), (10, 50))
    assert 0 < np.asarray(mask_of(drawn.collection(drawn.feature(eight)))).sum() < 1600


def test_overlapping_classes_are_refused_or_ordered(mask_of, drawn: SimpleNamespace) -> None:
    """Two classes at one place need a word of how: the smaller counts, or the last; one class may overlap itself."""
    small = drawn.feature(drawn.ring((20, 20), (30, 20), (30, 30), (20, 30)), name="cell")
    large = drawn.feature(drawn.ring((10, 10), (50, 10), (50, 50), (10, 50)))
    text = drawn.collection(small, large)
    with pytest.raises(UnusableFileError, match="polygons of cell and tumour that overlap") as told:
        np.asarray(mask_of(text, "tumour", "cell"))
    assert "data.overlap=area" in told.value.hint
    assert (np.asarray(mask_of(text, "tumour", "cell", overlap="area")) == 2).sum() == 100
    assert (np.asarray(mask_of(text, "tumour", "cell", overlap="last")) == 2).sum() == 0
    np.asarray(mask_of(drawn.collection(large, large)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no GeoJSON"),
        ("[1, 2]", "is no GeoJSON"),
        ('{"features": 3}', "is no GeoJSON"),
        ('[{"geometry": {"type": "Point", "coordinates": [1, 2]}}]', "holds a Point"),
        ('[{"geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [1, 2]]]}}]', "an outline of 2 corners"),
        ('[{"geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3, NaN], [1, 5]]]}}]', "an outline of 3 corners"),
        ('[{"geometry": {"type": "Polygon", "coordinates": []}}]', "is no GeoJSON"),
        ("[" * 100_000, "is no GeoJSON"),
        ('{"features": [], "features": []}', "is no GeoJSON"),
        (f'{{"features": [], "x": {10**30}}}', "is no GeoJSON"),
    ],
)
def test_what_is_no_polygon_is_told(mask_of, text: str, told: str) -> None:
    """Text that is none, points and lines are refused with the file's name."""
    with pytest.raises(UnusableFileError, match=f"a.geojson.*{told}"):
        mask_of(text)


def test_a_file_that_is_too_large(mask_of, drawn: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than are parsed are refused with the file's name, once, and the way out."""
    monkeypatch.setattr(shapes, "LARGEST", 100)
    text = drawn.collection(drawn.feature(drawn.ring((10, 10), (50, 10), (50, 50), (10, 50))))
    with pytest.raises(UnusableFileError, match=r"^a\.geojson is larger than the 100 bytes") as told:
        mask_of(text)
    assert "simplified" in told.value.hint


def test_measurements_that_are_none(mask_of, drawn: SimpleNamespace) -> None:
    """QuPath writes NaN where a measurement could not be made; what counts are the corners."""
    feature = drawn.feature(drawn.ring((10, 10), (50, 10), (50, 50), (10, 50)))
    feature["properties"]["measurements"] = {"Nucleus: Circularity": float("nan")}
    assert np.asarray(mask_of(drawn.collection(feature))).sum() == 1600


def test_what_counts_for_nothing(mask_of, drawn: SimpleNamespace) -> None:
    """Inside of an ignored polygon pixels are 255, whatever lies there; so they are outside of the field of view."""
    cell = drawn.feature(drawn.ring((20, 20), (40, 20), (40, 40), (20, 40)))
    ignored = drawn.feature(drawn.ring((30, 20), (50, 20), (50, 40), (30, 40)), name="Ignore*")
    field = drawn.feature(drawn.ring((10, 10), (60, 10), (60, 60), (10, 60)), name="Region*")
    text = drawn.collection(ignored, cell, field)
    found = np.asarray(mask_of(text, ignore=("Ignore*",), field_of_view=("Region*",)))
    expected = np.full(SIZE, 255)
    expected[10:60, 10:60] = 0
    expected[20:40, 20:40] = 1
    expected[20:40, 30:50] = 255
    assert np.array_equal(found, expected)
    by_area = np.asarray(mask_of(text, ignore=("Ignore*",), overlap="area"))
    assert (by_area[20:40, 30:50] == 255).all()
    with pytest.raises(UnusableFileError, match=r"a\.geojson holds no polygon of Region\*") as told:
        mask_of(drawn.collection(cell), field_of_view=("Region*",))
    assert "data.field_of_view" in told.value.hint
