"""What one COCO instance file says: images, categories and annotations, each checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from segkit import SegkitError
from segkit.files import parse_json
from segkit_coco import faults
from segkit_nifti.problems import Fault, Faults, add

LISTS = ("images", "annotations", "categories")
LARGEST = 1e6
"""A coordinate, width or height beyond this many pixels is none."""
Runs = tuple[str | Sequence[int], tuple[int, int]]
"""Run lengths, and the height and width that they are for."""
NOT_ONE = "is no COCO instance file: it has no lists images, annotations and categories"
EXPORT = "export the annotations as COCO instance segmentation again"


@dataclass(frozen=True)
class Listed:
    """An image of the file.

    Attributes:
        name: its file, as written.
        size: width and height as written; None where they are not.
    """

    id: int | str
    name: str
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Annotation:
    """An instance or a crowd, as `segkit_coco.outlines.Region` but with its category."""

    name: str
    category: int | str
    crowd: bool
    parts: tuple[np.ndarray, ...]
    runs: Runs | None


@dataclass
class Entries:
    """A whole file.

    Attributes:
        categories: names by id, in the order of the ids.
        groups: names that other categories give as what they belong to.
        annotations: by the id of their image.
        faults: entries that cannot be used.
        remarks: what is used, but told.
    """

    images: list[Listed] = field(default_factory=list)
    categories: dict[int | str, str] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    annotations: dict[int | str, list[Annotation]] = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)
    remarks: Faults = field(default_factory=dict)

    @property
    def used(self) -> set[int | str]:
        """The categories that annotations are of."""
        return {annotation.category for listed in self.annotations.values() for annotation in listed}


def read_object(path: Path, name: str) -> Any:
    """Parse a JSON file, a byte order mark before it or not; raises SegkitError.

    Args:
        name: as the file is told.
    """
    try:
        # Not read_json: COCO's own file has 470 MB, and tools write NaN where nobody looks, such as into an area.
        return parse_json(path.read_bytes(), finite=False)
    except OSError as error:
        raise SegkitError(f"{name} cannot be read: {error.strerror}", "check the path and its permissions") from None
    except UnicodeDecodeError:
        raise SegkitError(f"{name} is not written in UTF-8", EXPORT) from None
    except ValueError as error:
        raise SegkitError(f"{name} is damaged or cut short: {error}", EXPORT) from None


def what_else(content: Any) -> str | None:
    """Say what an object is that is no COCO instance file; None where it is one."""
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in LISTS):
        return NOT_ONE
    first = content["annotations"][0] if content["annotations"] else {}
    if isinstance(first, dict) and "segments_info" in first:
        return "is a COCO panoptic file"
    return None


def read_entries(content: Mapping[str, Any], name: str) -> Entries:
    """Check a COCO object's entries one by one; those that cannot be used are added to the faults.

    Raises:
        SegkitError: it has no images, no categories, or outlines nothing.
    """
    found = Entries()
    for key in ("images", "categories"):
        if not content[key]:
            raise SegkitError(f"{name} lists no {key}", EXPORT)
    _read_categories(content["categories"], name, found)
    _read_images(content["images"], name, found)
    boxes = _read_annotations(content["annotations"], name, found)
    if boxes and not found.annotations:
        raise SegkitError(
            f"{name} has boxes only: none of its {len(boxes)} annotations has an outline",
            "export it as instance segmentation, with polygons",
        )
    add(found.faults, faults.BOX, *boxes)
    return found


def _read_categories(entries: Sequence[Any], name: str, found: Entries) -> None:
    names: dict[int | str, str] = {}
    for at, entry in enumerate(entries):
        id, label = (entry.get("id"), entry.get("name")) if isinstance(entry, dict) else (None, None)
        if not is_id(id) or not isinstance(label, str) or not label.strip() or not label.strip().isprintable():
            raise SegkitError(f'{name}: category {at} needs an "id" and a "name"', EXPORT)
        if id in names:
            raise SegkitError(f"{name} gives the category id {short(id)} twice", "give every category an id of its own")
        if label.strip() in names.values():
            raise SegkitError(
                f"{name} gives the name {short(label.strip())!r} to two categories",
                "give each a name of its own",
            )
        names[id] = label.strip()
        group = entry.get("supercategory")
        if isinstance(group, str) and group.strip() != label.strip():
            found.groups.add(group.strip())
    found.categories = dict(sorted(names.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def _read_images(entries: Sequence[Any], name: str, found: Entries) -> None:
    ids: set[int | str] = set()
    for at, entry in enumerate(entries):
        id, file = (entry.get("id"), entry.get("file_name")) if isinstance(entry, dict) else (None, None)
        if not is_id(id) or not isinstance(file, str) or not file.strip():
            raise SegkitError(f'{name}: image {at} needs an "id" and a "file_name"', EXPORT)
        if id in ids:
            raise SegkitError(f"{name} gives the image id {short(id)} twice", "give every image an id of its own")
        ids.add(id)
        size = entry.get("width"), entry.get("height")
        width, height = map(side, size)
        if size != (None, None) and (width is None or height is None):
            add(found.faults, faults.SIZE, f"{name}, {short(file)}")
        found.images.append(Listed(id, file, (width, height) if width and height else None))


def _read_annotations(entries: Sequence[Any], name: str, found: Entries) -> list[str]:
    """Read the annotations; returns the names of those that have a box in place of an outline."""
    sizes = {image.id: image.size for image in found.images}
    boxes = []
    for at, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise SegkitError(f"{name}: annotation {at} is no object", EXPORT)
        called = f"annotation {short(entry['id'])}" if is_id(entry.get("id")) else f"annotation {at} of the list"
        shown = f"{name}, {called}"
        image, category = entry.get("image_id"), entry.get("category_id")
        if not is_id(image) or image not in sizes:
            add(found.faults, faults.NO_SUCH_IMAGE, shown)
        elif not is_id(category) or category not in found.categories:
            add(found.faults, faults.NO_SUCH_CATEGORY, shown)
        elif not entry.get("segmentation"):
            boxes.append(shown)
        else:
            parts, runs, fault = read_outline(entry["segmentation"])
            if fault is not None:
                add(found.faults, fault, shown)
                continue
            if reaches_out(parts, sizes[image]):
                add(found.remarks, faults.CLIPPED, shown)
            crowd = entry.get("iscrowd") in (1, True)
            found.annotations.setdefault(image, []).append(Annotation(called, category, crowd, parts, runs))
    return boxes


def read_outline(written: Any) -> tuple[tuple[np.ndarray, ...], Runs | None, Fault | None]:
    """Return an annotation's outlines or run lengths, or what is wrong with them."""
    if isinstance(written, dict):
        counts, size = written.get("counts"), written.get("size")
        height, width = map(side, size) if isinstance(size, list) and len(size) == 2 else (None, None)
        numbers = isinstance(counts, list) and all(type(count) is int for count in counts)
        if height is None or width is None or not counts or not (numbers or isinstance(counts, str)):
            return (), None, faults.NO_RUNS
        return (), (counts, (height, width)), None
    if not isinstance(written, list):
        return (), None, faults.NO_NUMBERS
    parts = []
    for part in written:
        points, fault = read_points(part)
        if fault is not None:
            return (), None, fault
        parts.append(points)
    return tuple(parts), None, None


def read_points(written: Any) -> tuple[np.ndarray, Fault | None]:
    """Return an outline's corners (n, 2) float64, x and y, or what is wrong with them."""
    nothing = np.empty((0, 2))
    try:
        numbers = np.asarray(written)
    except (ValueError, OverflowError):  # lists of different lengths
        return nothing, faults.NO_NUMBERS
    if numbers.dtype == object and all(type(number) in (int, float) for number in numbers.flat):
        return nothing, faults.NO_PLACE  # integers of more than 64 bits
    if not isinstance(written, list) or numbers.ndim != 1 or numbers.dtype.kind not in "iuf" or len(numbers) % 2:
        return nothing, faults.NO_NUMBERS if numbers.size else faults.FEW_POINTS
    if len(numbers) < 6:
        return nothing, faults.FEW_POINTS
    points = numbers.astype(np.float64).reshape(-1, 2)
    # Comparing with NaN is false.
    return (points, None) if (np.abs(points) <= LARGEST).all() else (nothing, faults.NO_PLACE)


def reaches_out(parts: Sequence[np.ndarray], size: tuple[int, int] | None) -> bool:
    """Whether outlines lie more than a pixel, which rounding explains, outside of an image of some width and height."""
    return size is not None and any(((part < -1) | (part > np.add(size, 1))).any() for part in parts)


def side(written: Any) -> int | None:
    """Return a width or height in pixels, written as a whole number; None where it is none."""
    whole = is_id(written) and not isinstance(written, str) and 0 < written <= LARGEST
    return int(written) if whole else None


def is_id(written: Any) -> TypeGuard[int | str]:
    """Whether an id can be one: text or a whole number."""
    if isinstance(written, float):
        return written.is_integer()
    return isinstance(written, (int, str)) and not isinstance(written, bool)


def short(written: object) -> str:
    """What a file says as text that leaves room for a sentence."""
    text = str(written)
    return text if len(text) <= 60 else f"{text[:57]}..."
