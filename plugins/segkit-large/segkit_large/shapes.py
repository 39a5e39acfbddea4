"""Masks of polygons, as QuPath writes them in GeoJSON, drawn where they are asked for and never as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segkit import IGNORE, SegkitError, UnusableFileError
from segkit.data.large_array import LargeArray
from segkit.files import parse_json, read_bytes
from segkit_coco.polygons import windings

LARGEST = 2**28
"""Bytes of a file that are read: some three million corners. Parsed they take up to thirty times as much."""
UNCLASSIFIED = "unclassified"
EXPORT = "export it again, simplified where it is too large"
OUTSIDE_HINT = "were they drawn on another level or image? export them in pixels of the largest level"


@dataclass(frozen=True)
class Shape:
    """One polygon, with its holes.

    Attributes:
        rings: each (n, 2) float64 x and y, in pixels of the largest level.
        box: smallest x and y, largest x and y.
        area: of the outer ring without the holes, pixels.
        place: its number in the file, from 1.
    """

    class_name: str
    rings: tuple[np.ndarray, ...]
    box: tuple[float, float, float, float]
    area: float
    place: int


def read_shapes(path: Path, name: str) -> list[Shape]:
    """Read the polygons of a GeoJSON file, a collection or a list of features.

    Raises:
        UnusableFileError: it is no GeoJSON, or holds what has no area.
    """
    try:
        data = read_bytes(path, most=LARGEST, file=name, hint=EXPORT)
        told = parse_json(data, finite=False)  # QuPath writes NaN among an object's measurements
        features = told["features"] if isinstance(told, Mapping) else told
        return [shape for place, feature in enumerate(features, 1) for shape in shapes_of(feature, place, name)]
    except UnusableFileError:
        raise
    except SegkitError as error:
        raise UnusableFileError(name, error.message.removeprefix(f"{name} "), error.hint) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UnusableFileError(name, f"is no GeoJSON ({type(error).__name__}: {error})", EXPORT) from error


def shapes_of(feature: Mapping[str, Any], place: int, name: str) -> Iterator[Shape]:
    """Yield the polygons of one feature."""
    geometry = feature["geometry"]
    kind = geometry["type"]
    if kind not in ("Polygon", "MultiPolygon"):
        raise UnusableFileError(name, f"holds a {kind} (feature {place}), which has no area", "export areas alone")
    polygons = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
    class_name = class_of(feature.get("properties") or {})
    for rings in polygons:
        points = tuple(ring_of(ring, place, name) for ring in rings)
        outer = points[0]
        box = (*outer.min(axis=0).tolist(), *outer.max(axis=0).tolist())
        area = area_of(outer) - sum(map(area_of, points[1:]))
        yield Shape(class_name, points, (box[0], box[1], box[2], box[3]), area, place)


def ring_of(ring: Sequence[Sequence[float]], place: int, name: str) -> np.ndarray:
    """Return a ring without its last corner where that is the first; raises UnusableFileError where it is none."""
    points = np.array([corner[:2] for corner in ring], np.float64)
    if len(points) > 1 and (points[0] == points[-1]).all():
        points = points[:-1]
    if len(points) < 3 or not np.isfinite(points).all():
        raise UnusableFileError(name, f"holds an outline of {len(points)} corners (feature {place})", "draw it again")
    return points


def area_of(points: np.ndarray) -> float:
    """Return the area of a ring."""
    x, y = points.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def class_of(properties: Mapping[str, Any]) -> str:
    """Return what a feature is classified as: by QuPath, or by a property of that name."""
    told = properties.get("classification") or properties.get("class") or properties.get("label")
    return str(told.get("name") or UNCLASSIFIED) if isinstance(told, Mapping) else str(told or UNCLASSIFIED)


class ShapesMask(LargeArray):
    """A label map (H, W) uint8 of polygons: a pixel is of the class in whose polygon its centre lies.

    Attributes:
        labels: what is drawn for a class; IGNORE of those that say where pixels count for nothing.
        field: polygons outside of which pixels count for nothing, None where all count.
        scale: pixels of the mask for one that the polygons are in.
        overlap: as `LargeParams.overlap` has it.
    """

    def __init__(
        self,
        shapes: Sequence[Shape],
        classes: Sequence[str],
        size: tuple[int, int],
        name: str,
        *,
        scale: tuple[float, float] = (1.0, 1.0),
        overlap: str = "refuse",
        ignore: Sequence[str] = (),
        field_of_view: Sequence[str] = (),
    ) -> None:
        self.shape, self.dtype, self.name, self.overlap = size, np.dtype(np.uint8), name, overlap
        self.labels = dict.fromkeys(ignore, IGNORE) | {class_name: label for label, class_name in enumerate(classes, 1)}
        known = [shape for shape in shapes if shape.class_name in self.labels]
        # Larger ones first: what lies in them is drawn over them. What is ignored is drawn over everything.
        known = sorted(known, key=lambda shape: -shape.area) if overlap == "area" else known
        self.shapes = sorted(known, key=lambda shape: self.labels[shape.class_name] == IGNORE)
        self.field: ShapesMask | None = None
        if field_of_view:
            seen = [replace(shape, class_name="") for shape in shapes if shape.class_name in field_of_view]
            if not seen:
                wanted = " or ".join(field_of_view)
                hint = "draw it, or leave out data.field_of_view"
                raise UnusableFileError(name, f"holds no polygon of {wanted}", hint)
            self.field = ShapesMask(seen, [""], size, name, scale=scale)
        self.scale = np.array(scale[::-1])
        self.boxes = np.array([shape.box for shape in self.shapes], np.float64).reshape(-1, 4) * np.tile(self.scale, 2)
        self.check_inside()

    def check_inside(self) -> None:
        """Raise UnusableFileError where a polygon lies outside of the image altogether."""
        height, width = self.shape
        low, high = self.boxes[:, :2], self.boxes[:, 2:]
        outside = (high <= 0).any(axis=1) | (low[:, 0] >= width) | (low[:, 1] >= height)
        if outside.any():
            first = self.shapes[int(np.flatnonzero(outside)[0])]
            raise UnusableFileError(
                self.name,
                f"holds {int(outside.sum())} polygons outside of its image of {height} x {width} pixels, first: "
                f"feature {first.place} at x {first.box[0]:g}, y {first.box[1]:g}",
                OUTSIDE_HINT,
            )

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Draw the polygons that touch a rectangle; raises UnusableFileError where it cannot be told what they mean."""
        labels = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        low, high = self.boxes[:, :2], self.boxes[:, 2:]
        touching = (low < (columns.stop, rows.stop)).all(axis=1) & (high > (columns.start, rows.start)).all(axis=1)
        for place in np.flatnonzero(touching).tolist():
            shape = self.shapes[place]
            part = window_of(self.boxes[place], rows, columns)
            inside = self.inside(shape, part)
            there = labels[part[0].start - rows.start : part[0].stop - rows.start,
                           part[1].start - columns.start : part[1].stop - columns.start]  # fmt: skip
            label = self.labels[shape.class_name]
            if self.overlap == "refuse" and label != IGNORE:
                taken = inside & (there != 0) & (there != label)
                if taken.any():
                    self.refuse_overlap(shape, int(there[taken][0]))
            there[inside] = label
        if self.field is not None:
            labels[self.field.read(rows, columns) == 0] = IGNORE
        return labels

    def inside(self, shape: Shape, part: tuple[slice, slice]) -> np.ndarray:
        """Return which pixels of a rectangle lie in a polygon and in none of its holes."""
        inside: np.ndarray | None = None
        for ring in shape.rings:
            runs = windings(ring * self.scale, part)
            odd = (runs & 1).astype(bool)
            if (odd != (runs != 0)).any():
                raise UnusableFileError(
                    self.name,
                    f"holds an outline that crosses itself (feature {shape.place}, at x {shape.box[0]:g}, y "
                    f"{shape.box[1]:g}): some pixels are inside by one rule and outside by another",
                    "draw it again, or simplify it in QuPath",
                )
            inside = odd if inside is None else inside & ~odd
        assert inside is not None
        return inside

    def refuse_overlap(self, shape: Shape, label: int) -> None:
        """Raise UnusableFileError for polygons of two classes that share pixels."""
        other = next(name for name, found in self.labels.items() if found == label)
        raise UnusableFileError(
            self.name,
            f"holds polygons of {other} and {shape.class_name} that overlap (feature {shape.place})",
            "say --set data.overlap=area (the smaller one counts) or last",
        )


def window_of(box: np.ndarray, rows: slice, columns: slice) -> tuple[slice, slice]:
    """Return the part of a rectangle in which a box lies."""
    left, top, right, bottom = box
    part = []
    for low, high, whole in ((top, bottom, rows), (left, right, columns)):
        start = min(max(int(np.floor(low)), whole.start), whole.stop)
        part.append(slice(start, max(start, min(int(np.ceil(high)), whole.stop))))
    return part[0], part[1]
