"""A photograph and the grid that its outlines were drawn on, which EXIF may turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from segkit import UnusableFileError
from segkit.data.image_files import BROKEN_FILE, SWAPPING, open_image, size_text
from segkit.data.photographs import Decoded

WAY_OUT = "say what the outlines were drawn on: --set data.orientation=upright or data.orientation=stored"


@dataclass(frozen=True)
class Ground:
    """What outlines were drawn on.

    Attributes:
        method: turns the photograph upright; None where it is.
        stored: whether outlines are on its pixels as they are stored, and have to be turned with it.
        shape: height and width of the grid that outlines are on.
    """

    method: Image.Transpose | None
    stored: bool
    shape: tuple[int, int]


def ground_of(decoded: Decoded, size: tuple[int, int] | None, orientation: str, file: str) -> Ground:
    """Find out what the outlines of a photograph were drawn on.

    Args:
        size: width and height that the annotation file gives; None where it gives none.
        orientation: "size", "upright" or "stored", as `data.orientation`.
        file: as the photograph is told.

    Raises:
        UnusableFileError: the size fits neither way, or would fit both and the ways differ.
    """
    method = decoded.turning
    sizes = {"stored": decoded.size, "upright": decoded.size[::-1] if method in SWAPPING else decoded.size}
    if method is not None and orientation != "size":
        sizes = {orientation: sizes[orientation]}
    fitting = [way for way, possible in sizes.items() if size in (None, possible)]
    if size is not None and not fitting:
        raise UnusableFileError(
            file,
            f"is {' or '.join(dict.fromkeys(map(size_text, sizes.values())))}, its annotations are for "
            f"{size_text(size)} pixels (width first)",
            "bring the photograph back that was annotated, or mend the size in the annotation file",
        )
    if method is not None and len(fitting) > 1:
        why = "no size says" if size is None else f"the size {size_text(size)} does not say"
        raise UnusableFileError(file, f"is turned by EXIF, and {why} whether its outlines are too", WAY_OUT)
    width, height = sizes[fitting[0]]
    return Ground(method, fitting[0] == "stored", (height, width))


def turned(labels: np.ndarray, method: Image.Transpose) -> np.ndarray:
    """Turn a label map (H, W) uint8."""
    return np.ascontiguousarray(Image.fromarray(labels).transpose(method))


def channels_of(paths: Iterable[Path]) -> int:
    """Return 1 where all photographs are grey, else 3; no pixels are read."""
    for path in paths:
        try:
            with open_image(path) as opened:
                if opened.mode not in ("1", "L", "LA"):
                    return 3
        except BROKEN_FILE:
            continue  # told where the case is read, and by verify
    return 1
