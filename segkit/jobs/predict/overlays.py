"""A prediction to look at: the image with its classes coloured, and a legend below."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from segkit.data.label_png import PALETTE
from segkit.report.pictures import displayable

LONGEST = 1600
"""Pixels of an overlay's longer side, at most."""
FILLED = 0.3
PANELS, COLUMNS, PANEL = 6, 3, 360
"""Of a volume: axial slices, and pixels of each panel's longer side."""


def overlay_size(shape: Sequence[int], longest: int = LONGEST) -> tuple[int, int]:
    """Return height and width that a grid is shown at: its own, or shrunk to `longest`."""
    scale = min(1.0, longest / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def overlay_jpeg(picture: np.ndarray, classes: Sequence[str], caption: str, quality: int = 90) -> bytes:
    """Write a coloured picture (H, W, 3) with its legend as a JPEG file.

    Args:
        caption: said beside the legend.
    """
    height, width = picture.shape[:2]
    size = max(12, min(22, width // 40))
    font = ImageFont.load_default(size)
    entries: list[Entry] = [(name, colour(label)) for label, name in enumerate(classes, start=1)]
    entries += [(caption, None)] if caption else []
    rows = legend_rows(entries, font, width, size)
    canvas = Image.new("RGB", (width, height + round(1.6 * size) * len(rows)), (24, 24, 24))
    canvas.paste(Image.fromarray(picture))
    draw = ImageDraw.Draw(canvas)
    for number, row in enumerate(rows):
        top = height + round(1.6 * size) * number + round(0.3 * size)
        left = float(size // 2)
        for text, shade in row:
            if shade is not None:
                draw.rectangle((left, top, left + size, top + size), fill=shade)
                left += 1.3 * size
            draw.text((left, top - 1), text, fill=(235, 235, 235), font=font)
            left += font.getlength(text) + size
    stream = io.BytesIO()
    canvas.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


Entry = tuple[str, tuple[int, int, int] | None]


def legend_rows(
    entries: Sequence[Entry], font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int, size: int
) -> list[list[Entry]]:
    """Break a legend into rows that fit the width."""
    rows: list[list[Entry]] = [[]]
    left = 0.0
    for text, shade in entries:
        needed = font.getlength(text) + size * (2.3 if shade else 1)
        if rows[-1] and left + needed > width:
            rows.append([])
            left = 0
        rows[-1].append((text, shade))
        left += needed
    return rows


def coloured_labels(image: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """Colour the classes of a plane.

    Args:
        image: (C, H, W) at the size shown.
        planes: on the plane's own grid, one label map (1, H, W), or a plane of each overlapping class (classes, H, W).

    Returns:
        (H, W, 3) uint8: a tint inside, an outline at full strength; outlines are drawn over every tint.
    """
    mixed = displayable(image).astype(np.float32)
    height, width = mixed.shape[:2]
    labels = [plane if len(planes) == 1 else plane * np.uint8(label) for label, plane in enumerate(planes, start=1)]
    placed = [np.asarray(Image.fromarray(each).resize((width, height), Image.Resampling.NEAREST)) for each in labels]
    # The largest first, so that what lies within it is seen.
    placed.sort(key=np.count_nonzero, reverse=True)
    lines = [outline(each, max(1, min(height, width) // 300)) & (each > 0) for each in placed]
    for strength, parts in ((FILLED, [each > 0 for each in placed]), (1.0, lines)):
        for each, part in zip(placed, parts, strict=True):
            shades = np.array([colour(label) for label in range(int(each.max()) + 1)], np.float32)[each[part]]
            mixed[part] = mixed[part] * (1 - strength) + shades * strength
    rounded: np.ndarray = np.rint(mixed).astype(np.uint8)
    return rounded


def outline(labels: np.ndarray, thickness: int) -> np.ndarray:
    """Return which pixels lie within `thickness` of another label, bool (H, W)."""
    edge = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        for step in range(1, thickness + 1):
            differs = np.take(labels, range(step, labels.shape[axis]), axis) != np.take(
                labels, range(labels.shape[axis] - step), axis
            )
            front = [slice(None)] * 2
            front[axis] = slice(0, labels.shape[axis] - step)
            back = [slice(None)] * 2
            back[axis] = slice(step, None)
            edge[tuple(front)] |= differs
            edge[tuple(back)] |= differs
    return edge


def montage(image: np.ndarray, planes: np.ndarray, spacing: Sequence[float] | None) -> np.ndarray:
    """Colour axial slices of a volume (C, D, H, W) side by side, from feet to head where there is foreground.

    A millimetre is as long to the right as down. Anterior is up and the patient's right is left, as radiologists look.
    """
    marked = np.flatnonzero(planes.any(axis=(0, 2, 3)))
    first, last = (marked[0], marked[-1]) if marked.size else (0, planes.shape[1] - 1)
    chosen = np.unique(np.linspace(first, last, PANELS + 2)[1:-1].round().astype(int))
    extent = np.array(planes.shape[2:]) * np.array((1.0, 1.0) if spacing is None else spacing[1:])
    height, width = (max(1, int(side)) for side in (extent * PANEL / extent.max()).round())
    rows = -(-len(chosen) // COLUMNS)
    columns = min(COLUMNS, len(chosen))
    canvas = np.zeros((rows * height, columns * width, 3), np.uint8)
    for number, depth in enumerate(chosen):
        plane = displayable(image[:, depth, ::-1, ::-1])
        shown = np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))
        top, left = divmod(number, COLUMNS)
        panel = coloured_labels(shown.transpose(2, 0, 1), np.ascontiguousarray(planes[:, depth, ::-1, ::-1]))
        canvas[top * height : (top + 1) * height, left * width : (left + 1) * width] = panel
    return canvas


def colour(label: int) -> tuple[int, int, int]:
    """Return the colour of a label; from the eighth class on they come again, without black."""
    position = label if 3 * label < len(PALETTE) else 1 + (label - 1) % (len(PALETTE) // 3 - 1)
    red, green, blue = PALETTE[3 * position : 3 * position + 3]
    return red, green, blue
