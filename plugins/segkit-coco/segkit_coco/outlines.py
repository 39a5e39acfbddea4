"""One label map of the outlined regions of an image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from segkit import IGNORE, UnusableFileError
from segkit_coco.polygons import Patch, TooManyCornersError, fill
from segkit_coco.runs import decode

OVERLAP_HINT = (
    "say whose pixels they are: --set data.overlap=area (the smaller outline's) or data.overlap=last (the later one's)"
)


@dataclass(frozen=True)
class Region:
    """One annotated instance, or a crowd.

    Attributes:
        name: as it is told: "annotation 17", "line 3".
        label: its class's label, IGNORE where it counts for nothing.
        parts: outlines (n, 2) float64, x and y in pixels or in shares of the image.
        runs: COCO's run lengths in place of outlines, with the height and width that they are for.
    """

    name: str
    label: int
    parts: tuple[np.ndarray, ...] = ()
    runs: tuple[str | Sequence[int], tuple[int, int]] | None = None


def label_map(
    regions: Sequence[Region],
    shape: tuple[int, int],
    scale: tuple[float, float],
    overlap: str,
    classes: Sequence[str],
    file: str,
) -> np.ndarray:
    """Draw regions into one label map; those of one class are joined.

    Args:
        shape: height and width of the image.
        scale: pixels per unit of x and of y.
        overlap: what becomes of pixels of two classes: "refuse", "last" or "area".
        classes: names in label order, for the message.
        file: the regions' file and image, as told before a region's name.

    Returns:
        (H, W) uint8.

    Raises:
        UnusableFileError: a region cannot be drawn, or two of different classes overlap and that is refused.
    """
    labels = np.zeros(shape, np.uint8)
    for region in in_order(regions, shape, scale, overlap, file):
        for patch in patches(region, shape, scale, file):
            there = labels[patch.window]
            other = patch.inside & (there != 0) & (there != IGNORE) & (there != region.label)
            if overlap == "refuse" and other.any():
                names = classes[region.label - 1], classes[int(there[other][0]) - 1]
                raise UnusableFileError(
                    f"{file}, {region.name}",
                    f"of class {names[0]} overlaps with class {names[1]} in {np.count_nonzero(other):,} pixels, and a "
                    "pixel can be of one class only",
                    OVERLAP_HINT,
                )
            there[patch.inside] = region.label
    return labels


def in_order(
    regions: Sequence[Region], shape: tuple[int, int], scale: tuple[float, float], overlap: str, file: str
) -> Iterable[Region]:
    """The order to draw in: what counts for nothing goes below all, a smaller region above a larger one if asked."""
    if overlap != "area":
        return sorted(regions, key=lambda region: region.label != IGNORE)
    areas = [sum(patch.area for patch in patches(region, shape, scale, file)) for region in regions]
    order = sorted(range(len(regions)), key=lambda at: (regions[at].label != IGNORE, -areas[at]))
    return [regions[at] for at in order]


def patches(region: Region, shape: tuple[int, int], scale: tuple[float, float], file: str) -> Iterator[Patch]:
    """Fill the parts of a region one after the other; raises UnusableFileError where one cannot be."""
    if region.runs is not None:
        counts, written = region.runs
        if written != shape:
            raise UnusableFileError(
                f"{file}, {region.name}",
                f"has run lengths for {written[1]}x{written[0]} pixels, its image {shape[1]}x{shape[0]}",
                "export the annotations again",
            )
        try:
            yield Patch((slice(0, shape[0]), slice(0, shape[1])), decode(counts, shape))
        except ValueError as error:
            raise UnusableFileError(
                f"{file}, {region.name}",
                f"cannot be drawn: its run lengths {error}",
                "export the annotations again",
            ) from None
    for part in region.parts:
        try:
            yield fill(part * scale, shape)
        except TooManyCornersError as error:
            raise UnusableFileError(
                f"{file}, {region.name}", f"cannot be drawn: {error}", "simplify the outline"
            ) from None
