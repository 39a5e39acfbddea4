"""The page of a dataset as it was understood, and the same as one picture: suspicious cases first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from segkit.report.html import page_environment
from segkit.report.overlays import outlines
from segkit.version import __version__

SIDE = 320
"""Longest side of a case's picture in pixels: outlines of a lesion are told apart, and sixty cases stay under 3 MB."""
COLUMNS = 6
"""Cases in a row of the sheet."""
CELL, TEXT = 200, 34
"""Pixels of a cell of the sheet, and of the two lines below it."""


@dataclass(frozen=True)
class ShownMask:
    """One case as the page shows it.

    Attributes:
        image: (H, W, 3) uint8, at most SIDE pixels a side.
        lines: per class in label order, its outlines, each (points, 2) x and y in pixels of the image.
        reasons: why it should be looked at; empty where nothing is odd.
        facts: grid, spacing, share of the foreground, in words.
    """

    split: str
    name: str
    image: np.ndarray
    lines: Sequence[list[np.ndarray]]
    reasons: Sequence[str]
    facts: str


@dataclass(frozen=True)
class DataPage:
    """What the page says.

    Attributes:
        colours: per class, (R, G, B).
        notes: how the files were understood, (label, text).
        splits, classes: rows of the tables, with the heads first.
        problems: (file, reason) of cases that could not be read.
        suspicious: how many cases have a reason to be looked at, of `count` in all.
    """

    title: str
    generated: bool
    colours: Sequence[tuple[str, tuple[int, int, int]]]
    notes: Sequence[tuple[str, str]]
    splits: Sequence[Sequence[str]]
    classes: Sequence[Sequence[str]]
    problems: Sequence[tuple[str, str]]
    remarks: Sequence[str]
    suspicious: int
    count: int
    cases: Sequence[ShownMask] = field(default_factory=tuple)


def shown_mask(
    split: str,
    name: str,
    picture: np.ndarray,
    mask: np.ndarray | None,
    classes: int,
    reasons: Sequence[str],
    facts: str,
) -> ShownMask:
    """Bring a case to the page's size: `picture` (H, W, 3) uint8 and its label map (H, W)."""
    height, width = picture.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))
    lines: list[list[np.ndarray]] = [[] for _ in range(classes)]
    if mask is not None:
        for label in range(1, classes + 1):
            if (mask == label).any():
                lines[label - 1] = outlines((mask == label).view(np.uint8), size)
    return ShownMask(split, name, image, lines, reasons, facts)


def data_page(page: DataPage) -> str:
    """Return the page's HTML; every name in it is escaped, and it asks nothing of any network."""
    return page_environment().get_template("data.html.j2").render(page=page, version=__version__)


def data_sheet(page: DataPage) -> bytes:
    """Return a PNG of the page's first cases, suspicious ones framed."""
    shown = page.cases[: COLUMNS * 8]
    rows = -(-len(shown) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL, max(1, rows) * (CELL + TEXT)), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for number, case in enumerate(shown):
        left, top = number % COLUMNS * CELL, number // COLUMNS * (CELL + TEXT)
        _paste(sheet, draw, case, [colour for _, colour in page.colours], left, top)
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _paste(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, case: ShownMask, colours: Sequence[Any], left: int, top: int
) -> None:
    height, width = case.image.shape[:2]
    scale = (CELL - 8) / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    sheet.paste(Image.fromarray(case.image).resize(size, Image.Resampling.BILINEAR), (left + 4, top + 4))
    for colour, lines in zip(colours, case.lines, strict=True):
        for line in lines:
            points = [(left + 4 + float(x) * scale, top + 4 + float(y) * scale) for x, y in line]
            draw.line(points, fill=colour, width=2)
    if case.reasons:
        draw.rectangle((left + 1, top + 1, left + CELL - 2, top + CELL - 2), outline=(196, 62, 0), width=3)
    for row, text in enumerate((f"{case.split}/{case.name}", case.reasons[0] if case.reasons else "")):
        # The bundled font has Latin letters only: others are shown on the page itself.
        latin = text.encode("ascii", "replace").decode()
        draw.text((left + 4, top + CELL + 2 + 14 * row), latin[:31], fill=(40, 40, 40) if not row else (196, 62, 0))
