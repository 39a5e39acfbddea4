"""Every case of a run as a larger picture on its page, as far as the one file may grow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from segkit.report.overlays import agreement_png, jpeg_bytes, make_overlay, svg_path
from segkit.report.pictures import CasePicture

MOST_BYTES = 16 * 2**20
"""Of all larger pictures together: 22 MB as text, so that the page stays under 30 MB (issue 26)."""
LARGEST_SIDE, SMALLEST_SIDE = 1600, 320
"""Pixels of a picture's longer side: of a few cases, and of very many."""
BYTES_PER_PIXEL = 0.2
"""Of a photograph and its layers at such sides; ISIC's take 0.08 to 0.2."""


@dataclass(frozen=True)
class LargePicture:
    """One case at the size in which it can be looked into.

    Attributes:
        case: its id.
        score: None where undefined.
        shape: height and width as shown, `full` those of the photograph.
        image: a JPEG file; agreement: a PNG file that lets it shine through.
        reference, prediction: the outlines as the `d` of an SVG path.
        legend: names and colours of what occurs in the agreement map.
    """

    case: str
    score: float | None
    score_name: str
    shape: tuple[int, int]
    full: tuple[int, int]
    image: bytes
    agreement: bytes
    reference: str
    prediction: str
    missed_share: float | None
    extra_share: float | None
    thin: bool
    legend: Sequence[tuple[str, tuple[int, int, int]]]

    @property
    def size(self) -> int:
        """Bytes that it adds to the page before images are written as text."""
        return len(self.image) + len(self.agreement) + len(self.reference) + len(self.prediction)


def side_for(count: int) -> int:
    """Return the longer side in pixels at which so many pictures stay within MOST_BYTES."""
    side = math.isqrt(int(MOST_BYTES / max(count, 1) / BYTES_PER_PIXEL))
    return max(SMALLEST_SIDE, min(LARGEST_SIDE, side))


def large_picture(picture: CasePicture, side: int) -> LargePicture:
    """Encode a case with its layers, at most `side` pixels a side."""
    overlay = make_overlay(picture, side)
    height, width = picture.image.shape[:2]
    return LargePicture(
        case=picture.case,
        score=picture.score,
        score_name=picture.score_name,
        shape=(overlay.image.shape[0], overlay.image.shape[1]),
        full=(height, width),
        image=jpeg_bytes(overlay.image),
        agreement=agreement_png(overlay.agreement),
        reference=svg_path(overlay.reference),
        prediction=svg_path(overlay.prediction),
        missed_share=overlay.missed_share,
        extra_share=overlay.extra_share,
        thin=overlay.thin,
        legend=overlay.legend,
    )


def within_bounds(pictures: Iterable[LargePicture]) -> list[LargePicture]:
    """Return the first pictures, as many as fit into the page together."""
    taken, size = [], 0
    for picture in pictures:
        size += picture.size
        if size > MOST_BYTES:
            break
        taken.append(picture)
    return taken
