"""Label maps as palette PNG: what a prediction of a photograph is kept in."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from segkit.data.in_parts import values_of
from segkit.data.masks import packed, read_mask
from segkit.errors import UnusableFileError
from segkit.files import write_whole

# Distinct for the colour-blind (Okabe and Ito 2008); label 0 is black.
PALETTE = (0, 0, 0, 230, 159, 0, 86, 180, 233, 0, 158, 115, 240, 228, 66, 0, 114, 178, 213, 94, 0, 204, 121, 167)


def write_labels(path: Path, labels: np.ndarray) -> None:
    """Write a label map (H, W) as a palette PNG whose indices are the labels."""
    image = Image.fromarray(labels)
    # A pixel has the bits that its palette needs: with fewer colours than labels Pillow cuts the labels off.
    image.putpalette(colours_of(int(labels.max(initial=0)) + 1))
    # Runs of equal labels are all there is to find: half the time, and a smaller file than deflate at its best.
    write_whole(path, lambda stream: image.save(stream, format="PNG", compress_level=1, compress_type=zlib.Z_RLE))


def colours_of(count: int) -> tuple[int, ...]:
    """Return the palette of so many labels; from the eighth class on colours come again, without black."""
    classes = PALETTE[3:]
    return (PALETTE[:3] + classes * -(-count // (len(classes) // 3)))[: 3 * count]


def read_labels(path: Path) -> np.ndarray:
    """Read a label map that `write_labels` wrote, (H, W) uint8.

    Raises:
        UnusableFileError: it cannot be read, or its palette is another one: whoever saved it anew may have changed what
            its indices stand for.
    """
    mask = read_mask(path, path.name)
    expected = packed(np.array(colours_of(len(mask.palette)), np.uint8).reshape(-1, 3))
    used = [] if mask.indices is None else values_of(mask.indices)
    if mask.indices is None or any(mask.palette[index] != expected[index] for index in used):
        reason = "is no prediction as it was written: its palette is another one"
        raise UnusableFileError(path.name, reason, "predict again")
    return mask.indices
