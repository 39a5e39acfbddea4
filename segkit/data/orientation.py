"""Whether a photograph and its masks leave open how they lie on each other, from headers alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from segkit.data.image_files import BROKEN_FILE, SWAPPING, open_image, upright
from segkit.data.masks import turned_size

DOUBTFUL = "has an EXIF orientation that its mask has not, or the other way, and their sizes do not tell how they lie"


def is_doubtful(
    image_size: tuple[int, int],
    turning: Image.Transpose | None,
    mask_size: tuple[int, int],
    mask_turning: Image.Transpose | None,
) -> bool:
    """Whether only one of an image and its mask says how it is turned, and their sizes do not tell whether both are."""
    alone = (turning is None) != (mask_turning is None)
    return (
        alone and image_size == mask_size and turned_size(image_size, turning) == turned_size(mask_size, mask_turning)
    )


def doubtful(files: Sequence[Sequence[Path]]) -> list[Path]:
    """Return the photographs that are doubtful with one of their masks.

    Args:
        files: each photograph, and behind it its masks.
    """
    found = []
    for image, *masks in files:
        headers = [header(path) for path in (image, *masks)]
        if headers[0] is None or not any(one is not None and one[1] is not None for one in headers):
            continue
        size, turning = headers[0]
        if any(other is not None and is_doubtful(size, turning, *other) for other in headers[1:]):
            found.append(image)
    return found


def header(path: Path) -> tuple[tuple[int, int], Image.Transpose | None] | None:
    """Return height and width of an image as stored and what would turn it; None where that cannot be read."""
    try:
        with open_image(path) as opened:
            # A PNG without EXIF data is not decoded to look for them.
            silent = opened.format == "PNG" and "exif" not in opened.info
            method, (width, height) = None if silent else upright(opened), opened.size
            # Pillow gives a TIFF's size as it will be.
            turned = opened.format == "TIFF" and method in SWAPPING
            return (width, height) if turned else (height, width), method
    except (Image.DecompressionBombError, *BROKEN_FILE):
        return None
